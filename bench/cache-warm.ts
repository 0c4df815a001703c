/**
 * Warming beside load, on a real cluster of embedded nodes and a real Redis on this machine: does the load's p99 objective hold because the warmer gives way, and does it break without the guard?
 *
 *   node bench/cache-warm.ts [--rate 60] [--warm-rate 2000] [--seconds 30] [--objective 60ms] [--nodes 2]
 *
 * Three runs of the same open-loop load: alone, with `cache warm` beside it, with `cache warm --no-guard`. Printed are the load's p99 second by second and the warmer's searches. Nodes, load and warmer share this
 * machine's processors: that is what makes them compete. Needs redis-server. Exit 4 where the objective breaks with the guard although it holds alone, or holds without it.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startRedis } from "../test/helpers/redis.ts";
import type { LoadResult } from "../src/load/result.ts";
import { sparkline } from "../src/report/sparkline.ts";
import { formatDurationMs, formatDurationUs, parseDurationMs } from "../src/units.ts";
import { packageRoot } from "../src/version.ts";
import type { CacheWarmResult } from "../src/warming/result.ts";

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "60" },
    "warm-rate": { type: "string", default: "2000" },
    seconds: { type: "string", default: "30" },
    objective: { type: "string", default: "60ms" },
    nodes: { type: "string", default: "2" },
  },
});
const objectiveMs = parseDurationMs(values.objective);
const dir = mkdtempSync(join(tmpdir(), "ragctl-bench-warm-"));
const cranfield = join(packageRoot, "test", "data", "cranfield");
const redis = await startRedis();

interface Ended {
  exitCode: number | null;
  json: () => { result: unknown };
  stop: () => void;
}

function ragctl(argv: readonly string[]): { ended: Promise<Ended>; stop: () => void } {
  const child = spawn(process.execPath, [join(packageRoot, "bin", "ragctl.ts"), ...argv], {
    cwd: dir,
    env: { ...process.env, XDG_STATE_HOME: join(dir, "state"), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  const stop = () => void child.kill("SIGINT");
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode) => resolve({ exitCode, json: () => JSON.parse(stdout) as { result: unknown }, stop }));
  });
  return { ended, stop };
}

/** A cluster with the objective, and Redis under a namespace of its own. */
function configOf(namespace: string): string {
  const config = JSON.parse(readFileSync(join(dir, ".ragctl", "cluster.json"), "utf8"));
  const { local } = config.clusters;
  local.cache = { driver: "redis", url: redis.url, namespace };
  local.store.collection = "docs";
  local.objectives = { p99: values.objective };
  local.state = { driver: "sqlite", path: join(dir, ".ragctl", "local.state.sqlite") };
  const file = join(dir, `${namespace}.json`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function measured(name: string, warming: readonly string[] | undefined): Promise<number> {
  const config = configOf(name);
  const load = ragctl([
    "load",
    "--rps",
    values.rate,
    "--warmup",
    "2s",
    "--duration",
    `${values.seconds}s`,
    "--config",
    config,
    "--json",
    "--quiet",
  ]);
  const list = join(dir, "queries.jsonl");
  const warm =
    warming && ragctl(["cache", "warm", "--file", list, "--rate", values["warm-rate"], "--config", config, "--json", ...warming]);
  const loaded = (await load.ended).json().result as LoadResult;
  warm?.stop();
  const warmed = warm && ((await warm.ended).json().result as CacheWarmResult);
  const p99Us = loaded.responseTimeUs.p99 ?? Infinity;
  const bySecond = loaded.windows.map(({ responseTimeUs }) => responseTimeUs.p99 ?? null);
  console.log(
    `\n${name}: p99 of the load ${formatDurationUs(p99Us)}, objective ${formatDurationMs(objectiveMs)}: ${p99Us <= objectiveMs * 1000 ? "holds" : "broken"}`,
  );
  console.log(
    `  load's p99   ${sparkline(bySecond, [0, Math.max(objectiveMs * 2000, ...bySecond.map((us) => us ?? 0))])} up to ${formatDurationUs(Math.max(...bySecond.map((us) => us ?? 0)))}`,
  );
  if (warmed) {
    const seconds = Array.from({ length: Math.ceil(warmed.elapsedMs / 1000) }, (_, second) =>
      warmed.pace.filter(({ atMs }) => Math.ceil(atMs / 1000) === second + 1).reduce((sum, { searches }) => sum + searches, 0),
    );
    console.log(
      `  warmer       ${sparkline(seconds, [0, Math.max(...seconds)])} up to ${Math.max(...seconds)} queries/s; ${warmed.warmed} stored`,
    );
    console.log(`  it gave way  ${JSON.stringify(warmed.guard.objections)}`);
  }
  return p99Us;
}

try {
  await ragctl(["up", "--nodes", values.nodes, "--no-proxies", "--json"]).ended;
  await ragctl(["ingest", join(cranfield, "docs.jsonl"), "--collection", "docs", "--json"]).ended;
  const questions = readFileSync(join(cranfield, "queries.jsonl"), "utf8").trim().split("\n");
  const texts = questions.map((line) => (JSON.parse(line) as { text: string }).text);
  const queries = Array.from({ length: 100_000 }, (_, at) =>
    JSON.stringify({ query: `${texts[at % texts.length]} ${Math.floor(at / texts.length)}` }),
  );
  writeFileSync(join(dir, "queries.jsonl"), queries.join("\n"));
  const alone = await measured("alone", undefined);
  const guarded = await measured("guarded", []);
  const bare = await measured("unguarded", ["--no-guard", "--max-in-flight", "512"]);
  const limitUs = objectiveMs * 1000;
  if (alone > limitUs) console.log("\nthe objective does not even hold alone: this machine is too busy, or --rate too high");
  else if (guarded > limitUs || bare <= limitUs) process.exitCode = 4;
} finally {
  await ragctl(["down", "--delete", "--json"]).ended;
  await redis.stop();
  rmSync(dir, { recursive: true, force: true });
}
