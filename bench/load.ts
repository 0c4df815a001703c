/**
 * The load generator beside its peers: the same prepared POST of 3.6 KB against one nginx worker on the other core, in one run.
 *
 *   node bench/load.ts [--seconds 5] [--path DIR]   needs Linux, nginx, taskset and two cores; DIR is put before PATH (for an autocannon)
 *
 * Requests/s: everyone on one core; ragctl in open loop at a rate that it cannot reach, everything recorded, at most 64 under way (more has
 * no connection to wait for). Then ragctl paced, pinned to one core and not, for its schedule lag and what pacing costs.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { LoadResult } from "../src/load/result.ts";
import { isInstalled, runPinned } from "./helpers/child.ts";
import { peers } from "./helpers/load-peers.ts";
import { startNginx } from "../test/helpers/nginx.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "5" }, path: { type: "string" } } });
const seconds = Number(values.seconds);
if (values.path) process.env["PATH"] = `${values.path}${delimiter}${process.env["PATH"]}`;
const cores = availableParallelism();
const generatorCore = 0;
const ragctl = fileURLToPath(new URL("../bin/ragctl.ts", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "ragctl-bench-"));
const body = join(folder, "body.json");
const vector = Array.from({ length: 384 }, (_, i) => Number(Math.sin(i).toFixed(6)));
writeFileSync(body, JSON.stringify({ query: vector, limit: 10, with_payload: true }).padEnd(3600));

const nginx = await startNginx({ core: cores - 1 });
try {
  console.log(
    `${cores} cores, load average ${loadavg()[0]!.toFixed(2)} before, Node ${process.versions.node}, body ${readFileSync(body).length} bytes\n`,
  );
  await throughput();
  await pacing();
} finally {
  await nginx.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function throughput(): Promise<void> {
  const rows: { name: string; perSec: number; cpuUs: number }[] = [];
  const saturated = await load(generatorCore, ["--rps", "100000", "--max-in-flight", "64", "--duration", `${seconds}s`]);
  const { result, cpuSec } = saturated;
  // Its processor time holds start-up and warm-up too: what the worker took for each request is told by the run itself.
  const perSec = result.rates.completedPerSec;
  rows.push({ name: "ragctl", perSec, cpuUs: ((result.generator.workers[0]!.cpu ?? cpuSec / seconds) * 1e6) / perSec });
  for (const peer of peers) {
    if (!(await isInstalled(peer.name))) continue;
    const figures = await peer.run({ url: nginx.url, body, folder, seconds, connections: 64, core: generatorCore });
    const requests = figures.requestsPerSec * seconds;
    rows.push({ name: peer.name, perSec: figures.requestsPerSec, cpuUs: (figures.cpuSec * 1e6) / requests });
  }
  const own = rows[0]!.perSec;
  console.log("on one core      requests/s   CPU/request   ragctl is");
  for (const { name, perSec, cpuUs } of rows)
    console.log(
      `${name.padEnd(12)}${Math.round(perSec).toLocaleString("en-US").padStart(15)}${`${cpuUs.toFixed(1)} µs`.padStart(14)}${name === "ragctl" ? "" : `${(own / perSec).toFixed(2)}×`.padStart(12)}`,
    );
  const { counts, errorsByCause } = result;
  console.log(
    `ragctl: ${counts.ok} ok, ${counts.errors} errors ${JSON.stringify(errorsByCause)}, ${counts.dropped} over --max-in-flight\n`,
  );
}

async function pacing(): Promise<void> {
  console.log("paced                lag p50     p90     p99     max   pacer CPU  worker CPU   (of a core)");
  for (const core of [undefined, generatorCore])
    for (const rate of [500, 2000]) {
      const { result } = await load(core, ["--rps", String(rate), "--duration", `${seconds}s`]);
      const { p50, p90, p99, max } = result.scheduleLagUs;
      const { pacer, workers } = result.generator;
      const share = (value: number | null) => (value === null ? "?" : `${(value * 100).toFixed(1)} %`).padStart(12);
      const us = (value: number | null) => String(value ?? "-").padStart(8);
      const where = core === undefined ? "any core" : `core ${core}`;
      console.log(
        `${`${rate}/s, ${where}`.padEnd(20)}${us(p50)}${us(p90)}${us(p99)}${us(max)}${share(pacer?.cpu ?? null)}${share(workers[0]!.cpu)}   µs`,
      );
    }
  console.log(`\nload average ${loadavg()[0]!.toFixed(2)} after: other work on this machine shows as lag`);
}

async function load(core: number | undefined, args: string[]): Promise<{ result: LoadResult; cpuSec: number }> {
  const argv = [
    ragctl,
    "load",
    "--json",
    "--warmup",
    "2s",
    "--url",
    nginx.url,
    "--body",
    body,
    "--header",
    "content-type: application/json",
    ...args,
  ];
  const env = { timeoutMs: seconds * 1000 + 30_000, cwd: folder };
  const run = await runPinned(core, process.execPath, argv, env);
  const document = JSON.parse(run.stdout) as { result?: LoadResult; error?: unknown };
  if (!document.result) throw new Error(`ragctl load: ${JSON.stringify(document.error)}`);
  return { result: document.result, cpuSec: run.cpuSec };
}
