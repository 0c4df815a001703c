import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../helpers/fake-runtime.ts";
import { startNode } from "../helpers/node.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test(
  "on a cluster that shards by itself the switch is one action of the store, and clients ask by the alias",
  { timeout: 120_000 },
  async () => {
    const node = await startNode();
    try {
      const cwd = tempDir({
        "ragctl.config.json": JSON.stringify({
          clusters: {
            nat: { topology: "native", store: { driver: "qdrant", collection: "docs" }, nodes: [{ id: "q1", url: node.url }] },
          },
        }),
      });
      const json = async (...argv: string[]) => (await runCli(["ingest", ...argv, "--json"], { cwd })).json();
      const served = async () => ((await (await fetch(`${node.url}/aliases`)).json()) as any).result.aliases;
      const write = (documents: number) =>
        writeFileSync(
          join(cwd, "docs.jsonl"),
          Array.from({ length: documents }, (_, id) => JSON.stringify({ id, text: `text ${id} of heat and flow` })).join("\n"),
        );
      write(30);
      const first = await json("docs.jsonl", "--into-new");
      expect(first).toMatchObject({
        ok: true,
        result: { release: { verification: { points: 30, replicas: null }, switch: { from: null } } },
      });
      write(50);
      const second = await json("docs.jsonl", "--into-new");
      const { collection } = second.result.release;
      expect(await served()).toEqual([{ alias_name: "docs", collection_name: collection }]);
      const back = await json("rollback");
      expect(back.result.switch).toMatchObject({ from: collection, to: first.result.release.collection });
      expect(await served()).toEqual([{ alias_name: "docs", collection_name: first.result.release.collection }]);
      const status = await json("status");
      expect(status.result.aliases[0].releases.map(({ state }: { state: string }) => state)).toEqual(["ready", "serving"]);
      // A second run into the alias itself finds what the release holds.
      write(30);
      expect((await json("docs.jsonl")).result.chunks).toEqual({ written: 0, unchanged: 30, deleted: 0 });
    } finally {
      await node.stop();
    }
  },
);
