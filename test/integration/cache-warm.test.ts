import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLayer } from "../../src/cache/open-layer.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import { rowChoice } from "../../src/datasets/choice.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { serveHttp } from "../helpers/http-server.ts";
import { readJson, startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";
import { startRedisCluster, type TestRedisCluster } from "../helpers/redis-cluster.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";

/** How many queries the runs on the Redis Cluster warm: RAGCTL_TEST_WARM=20000 is the size that the tool promises (some five minutes each). */
const full = Number(process.env["RAGCTL_TEST_WARM"] ?? 0);
const slow = 240_000 + full * 120;
/** Replicas begin to copy at once, not after five seconds: one that never did takes nobody's place. */
const synced = ["--repl-diskless-sync-delay", "0"];
const withRedis = serviceBinary("redis-server") ? test : test.skip;
const cranfield = join(import.meta.dirname, "..", "data", "cranfield");
const questions = readFileSync(join(cranfield, "queries.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => (JSON.parse(line) as { text: string }).text);

let local: LocalCluster;
let single: TestRedis;
let redis: TestRedisCluster;

beforeAll(async () => {
  if (!serviceBinary("redis-server")) return;
  local = await startLocalCluster({ nodes: 2, replicas: 1 });
  const ingested = await local.cli(["ingest", join(cranfield, "docs.jsonl"), "--collection", "docs"]);
  if (ingested.exitCode !== 0) throw new Error(ingested.stderr);
  single = await startRedis();
  redis = await startRedisCluster({ nodeTimeoutMs: 1000, args: synced });
}, slow);
afterAll(async () => {
  await Promise.all([local?.stop(), single?.stop(), redis?.stop()]);
}, slow);

/** The local cluster's config with another cache; its own namespace, so that tests share servers and nothing else. */
function configWith(cache: Record<string, unknown>, more: Record<string, unknown> = {}): string {
  const config = readJson(local.config);
  Object.assign(config.clusters.local, { cache, ...more });
  Object.assign(config.clusters.local.store, { collection: "docs" });
  config.clusters.local.state = { driver: "sqlite", path: join(local.dir, ".ragctl", "local.state.sqlite") };
  const file = join(local.dir, `${String(cache["namespace"])}.json`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

function queryFile(name: string, queries: readonly string[]): string {
  const file = join(local.dir, name);
  writeFileSync(file, queries.map((query) => JSON.stringify({ query })).join("\n"));
  return file;
}

function distinctQueries(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${questions[at % questions.length]!} ${Math.floor(at / questions.length)}`);
}

/** The keys of a namespace by primary: every one of the cluster holds a part of them. */
async function sharesOf(namespace: string) {
  const primaries = await redis.primaries();
  expect(primaries).toHaveLength(3);
  const keys = await Promise.all(
    primaries.map(async (port) => (await redis.cli(port, "--scan", "--pattern", `${namespace}:*`)).trim().split("\n")),
  );
  return { primaries, keys, sizes: keys.map(({ length }) => length) };
}

const warm = (...argv: string[]) => local.cli(["cache", "warm", "--json", ...argv], { timeoutMs: slow });

withRedis(
  `predicted and achieved hit rate of a Zipf log lie within three points${skipReason("redis-server")}`,
  { timeout: slow },
  async () => {
    const choice = rowChoice({ kind: "zipf", exponent: 0.9 }, questions.length, seededRng(11));
    const log = queryFile(
      "zipf.jsonl",
      Array.from({ length: 10_000 }, () => questions[choice()]!),
    );
    const config = configWith({ driver: "redis", url: single.url, namespace: "zipf" });
    const plan = await warm("--log", log, "--top", "60", "--dry-run", "--config", config);
    expect(plan.exitCode, plan.stderr).toBe(0);
    expect(plan.json().result).toMatchObject({ dryRun: true, planned: 60, warmed: 0, achievedHitRate: null, runId: null });
    const run = await warm("--log", log, "--top", "60", "--config", config);
    expect(run.exitCode, run.stderr).toBe(0);
    const { result } = run.json();
    expect(result).toMatchObject({ planned: 60, warmed: 60, skipped: 0, failed: 0, stopped: "done", before: { hits: 0 } });
    expect(result.predictedHitRate).toBe(plan.json().result.predictedHitRate);
    expect(result.predictedHitRate).toBeGreaterThan(0.5);
    expect(result.predictedHitRate).toBeLessThan(0.85);
    expect(Math.abs(result.achievedHitRate - result.predictedHitRate)).toBeLessThan(0.03);
    expect(result.plan.source).toMatchObject({ references: 8000, heldOut: 2000 });
    const again = await warm("--log", log, "--top", "60", "--config", config);
    expect(again.json().result).toMatchObject({ warmed: 0, skipped: 60, before: { hitRate: result.achievedHitRate } });
  },
);

withRedis("a Redis Cluster: none fails, the primaries share the keys, TTLs are spread", { timeout: slow }, async () => {
  const count = full || 1500;
  const list = queryFile("cluster.jsonl", distinctQueries(count));
  const config = configWith({ driver: "redis", cluster: redis.urls, namespace: "spread", resultTtl: "1h", embeddingTtl: "2h" });
  const run = await warm("--file", list, "--config", config);
  expect(run.exitCode, run.stderr).toBe(0);
  const { result } = run.json();
  expect(result).toMatchObject({ planned: count, warmed: count, failed: 0, predictedHitRate: null });
  const { primaries, keys, sizes } = await sharesOf("spread");
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(2 * count);
  for (const size of sizes) expect(Math.abs(size / ((2 * count) / 3) - 1)).toBeLessThan(0.1);
  expect(result.plan.spread.map(({ keys }: { keys: number }) => keys).toSorted((a: number, b: number) => a - b)).toEqual(
    sizes.toSorted((a, b) => a - b),
  );
  const results = keys[0]!.filter((key) => key.includes(":result:")).slice(0, 100);
  const ttls = await Promise.all(results.map(async (key) => Number(await redis.cli(primaries[0]!, "pttl", key))));
  expect(Math.max(...ttls)).toBeLessThanOrEqual(3_600_000);
  // A tenth of an hour of jitter: the sample covers most of it, whatever time the run took.
  expect(Math.max(...ttls) - Math.min(...ttls)).toBeGreaterThan(200_000);
});

withRedis(
  "kill -9 of a primary in mid-run: it ends after the fail-over, and says what was retried",
  { timeout: slow },
  async () => {
    const count = full || 800;
    const list = queryFile("kill.jsonl", distinctQueries(count));
    const config = configWith({ driver: "redis", cluster: redis.urls, namespace: "kill", resultTtl: "2h", embeddingTtl: "4h" });
    const running = warm("--file", list, "--config", config, "--rate", full ? "500" : "150");
    const primaries = await redis.primaries();
    const victim = redis.at(primaries[0]!);
    while ((await redis.cli(victim.port, "--scan", "--pattern", "kill:*")).trim().split("\n").length < count / 16)
      await new Promise((resolve) => setTimeout(resolve, 50));
    await victim.kill();
    const run = await running;
    expect(run.exitCode, run.stderr).toBe(0);
    const { result } = run.json();
    expect(result).toMatchObject({ planned: count, warmed: count, failed: 0, stopped: "done" });
    expect(result.retried.queries).toBeGreaterThan(0);
    expect(result.retried.reasons.length).toBeGreaterThan(0);
    // The replica that took over may lack the last that was acknowledged before the kill: Redis copies to it afterwards.
    const { sizes } = await sharesOf("kill");
    for (const size of sizes) expect(Math.abs(size / ((2 * count) / 3) - 1)).toBeLessThan(0.1);
    await victim.restart();
  },
);

withRedis("stopped by Ctrl-C it says how to go on, and --resume does only what is left", { timeout: slow }, async () => {
  const count = 600;
  const list = queryFile("resume.jsonl", distinctQueries(count));
  const config = configWith({ driver: "redis", url: single.url, namespace: "resume" });
  const { child, ended } = local.start(["cache", "warm", "--file", list, "--config", config, "--rate", "60", "--json"]);
  let runs: { id: string; command: string }[] = [];
  while (runs.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const all = (await local.cli(["runs", "--json"])).json().result.runs;
    runs = all.filter((run: { command: string; state: string }) => run.command === "cache warm" && run.state === "running");
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  child.kill("SIGINT");
  const stopped = await ended;
  expect(stopped.exitCode, stopped.stderr).toBe(130);
  const first = stopped.json();
  expect(first.result.warmed + first.result.left).toBe(count);
  expect(first.result.left).toBeGreaterThan(0);
  expect(first.next).toEqual([expect.stringContaining(`--resume ${first.result.runId}`)]);
  const resumed = await warm("--resume", first.result.runId, "--config", config);
  expect(resumed.exitCode, resumed.stderr).toBe(0);
  expect(resumed.json().result).toMatchObject({
    planned: count,
    warmed: count,
    failed: 0,
    left: 0,
    resumed: first.result.warmed,
  });
});

withRedis("through an endpoint: the application is asked, and what it does not answer fails", { timeout: slow }, async () => {
  const asked: string[] = [];
  const app = await serveHttp(
    (_request, body, response) => {
      const { question } = JSON.parse(body.toString()) as { question: string };
      asked.push(question);
      response.end("{}");
      return Promise.resolve();
    },
    () => undefined,
  );
  try {
    const list = queryFile("endpoint.jsonl", distinctQueries(30));
    const config = configWith({ driver: "memory", namespace: "endpoint" }, { endpoints: { ask: { url: `${app.url}/ask` } } });
    const run = await warm("--file", list, "--config", config, "--through", "endpoint", "--field", "question");
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.json().result).toMatchObject({ planned: 30, warmed: 30, failed: 0, through: { kind: "endpoint", name: "ask" } });
    expect(new Set(asked)).toEqual(new Set(distinctQueries(30)));
  } finally {
    await app.close();
  }
});

withRedis("from what the cache has counted; a Redis that refuses is told in a sentence", { timeout: slow }, async () => {
  const cache = { driver: "redis" as const, url: single.url, namespace: "popular" };
  const config = configWith(cache);
  const empty = await warm("--from", "popular", "--config", config);
  expect(empty.exitCode).toBe(2);
  expect(empty.json().error.code).toBe("no-popularity");
  const parsed = (await resolveCluster({ env: {}, cwd: local.dir }, { config, cluster: "local" })).cache!;
  const layer = await openLayer({ cache: parsed }, { clock: realClock, rng: seededRng(1) });
  for (const [at, question] of questions.slice(0, 20).entries())
    for (let times = 0; times < 20 - at; times++)
      await layer.getOrCompute("answer", question, () => Promise.resolve(Buffer.from("x")));
  await layer.close();
  const run = await warm("--from", "popular", "--threshold", "11", "--config", config);
  expect(run.exitCode, run.stderr).toBe(0);
  const { result } = run.json();
  expect(result).toMatchObject({
    planned: 10,
    warmed: 10,
    failed: 0,
    plan: { limitedBy: "threshold", source: { distinct: 20 } },
  });
  expect(result.plan.first[0].query).toBe(questions[0]);
  const dead = configWith({ driver: "redis", url: "redis://127.0.0.1:1", namespace: "dead" });
  const refused = await warm("--from", "popular", "--config", dead);
  expect(refused.exitCode).toBe(3);
  expect(refused.json().error).toMatchObject({
    code: "cache-unreachable",
    message: expect.stringContaining("could not be reached"),
  });
});
