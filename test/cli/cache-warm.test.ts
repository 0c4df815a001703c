import { expect, test } from "vitest";
import { runCli } from "../helpers/fake-runtime.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const config = (cache: unknown) =>
  JSON.stringify({
    clusters: {
      here: {
        topology: "native",
        store: { driver: "qdrant", collection: "docs" },
        nodes: [{ id: "n1", url: "http://127.0.0.1:9" }],
        ...(cache === undefined ? {} : { cache }),
      },
    },
  });

async function refused(argv: string[], cache?: unknown) {
  const cwd = tempDir({ "ragctl.config.json": config(cache), "log.jsonl": '"a"\n' });
  const { exitCode, stderr } = await runCli(["cache", "warm", ...argv], { cwd });
  return `${exitCode} ${stderr.trim()}`;
}

test("every problem of the flags at once", async () => {
  expect(await refused(["--budget", "lots", "--top", "0"])).toMatchInlineSnapshot(`
    "2 error: 2 problems:
      --top: expected a whole number above zero, got 0
      --budget: expected memory, time or queries, such as 2GiB, 10m or 5000 queries, got "lots"
    hint: ragctl cache warm --help"
  `);
  expect(
    await refused([
      "--from",
      "popular",
      "--file",
      "x",
      "--held-out",
      "50%",
      "--k",
      "3",
      "--through",
      "endpoint",
      "--token-price",
      "-1",
    ]),
  ).toMatchInlineSnapshot(`
    "2 error: 4 problems:
      --file: contradicts --from popular
      --held-out: is a part of the log that is warmed from: the whole of another one judges
      --token-price: expected a price of zero or more
      --k: is for searches, and --through endpoint makes none of its own
    hint: ragctl cache warm --help"
  `);
  expect(await refused(["--log", "log.jsonl", "--endpoint", "ask", "--no-guard", "--objective", "5ms"])).toMatchInlineSnapshot(`
    "2 error: 2 problems:
      --endpoint: needs --through endpoint
      --objective: is what --no-guard does not mind
    hint: ragctl cache warm --help"
  `);
  expect(await refused(["--resume", "latest", "--top", "3"])).toMatchInlineSnapshot(
    `"2 error: --resume: goes on with what the run's plan says: leave the other flags out"`,
  );
});

test("a cluster without a cache that others share", async () => {
  expect(await refused(["--log", "log.jsonl"])).toMatchInlineSnapshot(`
    "2 cluster here (ragctl.config.json)
    error: cache: cluster here has none
    hint: name a Redis under cache of the config, or warm through the application: --through endpoint"
  `);
  expect(await refused(["--log", "log.jsonl"], { driver: "memory" })).toMatchInlineSnapshot(`
    "2 cluster here (ragctl.config.json)
    error: cache: driver memory lives and dies with each process
    hint: name a Redis under cache of the config, or warm through the application: --through endpoint"
  `);
  expect(await refused(["--log", "log.jsonl", "--through", "endpoint"], { driver: "memory" })).toMatchInlineSnapshot(`
    "2 cluster here (ragctl.config.json)
    error: --endpoint: the cluster names no endpoints"
  `);
});
