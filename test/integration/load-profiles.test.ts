import { appendFile, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Redis } from "ioredis";
import { stringify } from "yaml";
import { main } from "../../commands/main.ts";
import { connectCluster } from "../../src/cluster/index.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import { runField } from "../../src/load/mixed/run-key.ts";
import { shippedProfiles } from "../../src/load/profile/read.ts";
import { loadResultSchema, type LoadResult } from "../../src/load/result.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { packageRoot } from "../../src/version.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";

const documents = 300;
let cluster: LocalCluster;
let rag: Server;

/** Three nodes, two replicas, 300 documents, and a RAG endpoint that streams and tells of its stages. */
beforeAll(async () => {
  cluster = await startLocalCluster();
  const all = await readFile(join(packageRoot, "test", "data", "cranfield", "docs.jsonl"), "utf8");
  await writeFile(join(cluster.dir, "docs.jsonl"), all.split("\n").slice(0, documents).join("\n"));
  const { exitCode, stderr } = await cluster.cli(["ingest", "docs.jsonl", "--collection", "docs"]);
  if (exitCode !== 0) throw new Error(stderr);
  rag = createServer((request, response) => {
    request.resume();
    response.setHeader("server-timing", "embed;dur=1.5, search;dur=2");
    response.setHeader("content-type", "text/event-stream");
    response.write("data: first\n\n");
    setTimeout(() => response.end("data: last\n\n"), 30);
  });
  await new Promise<void>((resolve) => rag.listen(0, "127.0.0.1", resolve));
}, 120_000);
afterAll(async () => {
  rag?.close();
  await cluster?.stop();
}, 60_000);

interface Loaded {
  exitCode: number;
  result: LoadResult;
  error: { message: string; details: { line?: number; path?: string }[] } | undefined;
}

async function load(line: string, extra: string[] = []): Promise<Loaded> {
  const { exitCode, json } = await runCli(["load", "--json", ...line.split(" "), ...extra], { cwd: cluster.dir });
  return { exitCode, ...json() };
}

async function profile(file: string, content: object): Promise<string> {
  await writeFile(join(cluster.dir, file), stringify(content));
  return file;
}

/** The local cluster's config with something else in it. */
async function configWith(file: string, more: object): Promise<string> {
  const local = JSON.parse(await readFile(cluster.config, "utf8")) as { clusters: { local: object } };
  await writeFile(
    join(cluster.dir, file),
    JSON.stringify({ clusters: { local: { ...local.clusters.local, ...more } }, default: "local" }),
  );
  return file;
}

async function countOwn(): Promise<number> {
  const resolved = await resolveCluster(fakeRuntime({ cwd: cluster.dir }), { config: undefined, cluster: undefined });
  const client = await connectCluster(resolved, { clock: realClock, rng: seededRng(1), purpose: "test", cwd: cluster.dir });
  try {
    let own = 0;
    for await (const page of client.scroll("docs", { withPayload: [runField] }))
      own += page.filter(({ payload }) => runField in payload).length;
    return own;
  } finally {
    await client.close();
  }
}

const lenient = ["--threshold", "errors<50%", "--timeout", "20s"];

describe("shipped profiles, at small scale", () => {
  const scale: Record<string, string> = {
    smoke: "--rps 10 --duration 1s",
    steady: "--rps 20 --duration 2s",
    spike: "--rps 40 --duration 3s",
    soak: "--rps 20 --duration 2s",
    breakpoint: "--rps 40 --duration 2s",
    mixed: "--rps 30 --duration 2s",
    "cache-zipf": "--rps 100 --duration 2s",
    "ramp-1m": "--rps 30 --duration 2s",
    "users-150": "--vus 4 --duration 2s",
    "fleet-100k": "--rps 20 --duration 1s",
  };

  test("every one of them is tried here", () => {
    expect(shippedProfiles()).toEqual([...Object.keys(scale), "cache-placement"].toSorted());
  });

  test.each(Object.entries(scale))("%s", { timeout: 60_000 }, async (name, flags) => {
    const { exitCode, result, error } = await load(`${name} ${flags} --warmup 300ms`, lenient);
    expect(error?.message).toBeUndefined();
    expect(exitCode).toBe(0);
    const parsed = loadResultSchema.parse(result);
    expect(parsed.counts.ok).toBeGreaterThan(5);
    expect(parsed.target).toMatchObject({ kind: "profile", profile: name, cluster: "local" });
    const { scheduled, sent, dropped, completed, unfinished, ok, errors } = parsed.counts;
    expect([scheduled, sent, completed]).toEqual([sent + dropped, completed + unfinished, ok + errors]);
    expect(await countOwn()).toBe(0);
    if (name === "mixed" || name === "soak") expect(parsed.writes).toMatchObject({ kept: false, collections: ["docs"] });
    if (name === "users-150") {
      expect(parsed.spec.ratePerSec).toBeNull();
      expect(parsed.scenarios[0]).toMatchObject({ executor: "constant-vus", vus: 4 });
    }
  });

  test(
    "fleet-100k at its full rate: inconclusive, exit 6, with the machines that it needs, and no load",
    { timeout: 60_000 },
    async () => {
      const { exitCode, result } = await load("fleet-100k --warmup 300ms --timeout 20s");
      expect(exitCode).toBe(6);
      expect(result.verdict).toBe("inconclusive");
      const check = result.generatorCheck!;
      expect(check.wantedPerSec).toBe(100_000);
      expect(check.machines).toBe(Math.ceil(100_000 / check.perMachinePerSec));
      expect(check.machines).toBeGreaterThan(1);
      expect(result.reasons[0]).toContain(`${check.machines} machines`);
      expect(result.counts.scheduled).toBeLessThan(50_000);
    },
  );
});

describe("a mixed run", () => {
  test("measures freshness and recall, and keeps writes where it is told to", { timeout: 60_000 }, async () => {
    const flags = "mixed --rps 35 --duration 3s --warmup 0s --timeout 20s --threshold recall@10:mean>0.9";
    const { exitCode, result } = await load(flags.replace("recall@10:mean>0.9", "recall@10>0.9"), ["--keep-writes"]);
    expect(exitCode).toBe(0);
    const freshness = result.times.find(({ name }) => name === "freshness")!;
    expect(freshness.timeUs.n).toBeGreaterThan(3);
    expect(freshness.never).toBe(0);
    expect(result.recall[0]).toMatchObject({ k: 10 });
    expect(result.recall[0]!.mean).toBeGreaterThan(0.9);
    expect(result.writes).toMatchObject({ kept: true, deleted: 0 });
    const written = await countOwn();
    const upserts = result.perScenario.find(({ name }) => name === "upsert")!;
    expect(written).toBe(upserts.counts.ok);
    // For the tests after this one.
    const resolved = await resolveCluster(fakeRuntime({ cwd: cluster.dir }), { config: undefined, cluster: undefined });
    const { deleteWrites } = await import("../../src/load/mixed/cleanup.ts");
    const target = { cluster: resolved, collection: "docs", tag: result.writes!.tag };
    expect(await deleteWrites(target, { clock: realClock, rng: seededRng(1), cwd: cluster.dir })).toBe(written);
    expect(await countOwn()).toBe(0);
  });

  test("an impossible threshold: exit 4, and what it was", async () => {
    const { exitCode, result } = await load(
      "mixed --rps 30 --duration 1s --warmup 0s --timeout 20s --threshold freshness:p50<1us",
    );
    expect(exitCode).toBe(4);
    expect(result.thresholds[0]).toMatchObject({ ok: false, limit: 1 });
    expect(result.thresholds[0]!.actual).toBeGreaterThan(1);
  });

  test("Ctrl-C: drains, reports, and deletes what was written", { timeout: 90_000 }, async () => {
    const runtime = fakeRuntime({
      argv: ["load", "mixed", "--json", "--duration", "60s", "--warmup", "0s", ...lenient],
      cwd: cluster.dir,
    });
    const running = main(runtime);
    let written = 0;
    for (let look = 0; look < 100 && written === 0; look++) {
      await sleep(300);
      written = await countOwn();
    }
    expect(written).toBeGreaterThan(0);
    runtime.interrupt();
    expect(await running).toBe(130);
    const { result } = JSON.parse(runtime.stdoutText()) as { result: LoadResult };
    expect(result.writes!.deleted).toBeGreaterThan(0);
    expect(await countOwn()).toBe(0);
  });
});

test(
  "a RAG endpoint: first token before the end, its stages; a cache: hits and misses; texts embedded",
  { timeout: 60_000 },
  async () => {
    const { port } = rag.address() as AddressInfo;
    await configWith("with-rag.json", { endpoints: { chat: { url: `http://127.0.0.1:${port}/ask` } } });
    await writeFile(
      join(cluster.dir, "questions.jsonl"),
      ["lift", "drag", "flow"].map((text) => JSON.stringify({ text })).join("\n"),
    );
    const each = { executor: "constant-arrival-rate", rate: "20/s", duration: "1s" };
    const texts = { from: "questions.jsonl", choice: "sequential" };
    const file = await profile("parts.yaml", {
      warmup: "0s",
      timeout: "20s",
      thresholds: { errors: ["rate<1%"], timeToFirstToken: ["p95<19s"] },
      scenarios: {
        rag: { ...each, operation: { kind: "rag" }, feed: texts },
        embed: { ...each, operation: { kind: "embed" }, feed: texts },
        cache: { ...each, operation: { kind: "cache", keys: 5 } },
        search: { executor: "per-vu-iterations", vus: 2, iterations: 5, operation: { kind: "search" }, feed: texts },
      },
    });
    const { exitCode, result, error } = await load(`${file} --config with-rag.json`);
    expect(error?.message).toBeUndefined();
    expect(exitCode).toBe(0);
    const time = (name: string) => result.times.find((each) => each.name === name)!.timeUs;
    expect(result.times.map(({ name }) => name).toSorted()).toEqual([
      "stage:embed",
      "stage:search",
      "timeToFirstByte",
      "timeToFirstToken",
    ]);
    expect(time("stage:embed").p50).toBe(1500);
    const whole = result.perScenario.find(({ name }) => name === "rag")!.responseTimeUs;
    // The server holds the end back for 30 ms.
    expect(whole.min! - time("timeToFirstToken").min!).toBeGreaterThan(15_000);
    expect(result.perScenario.find(({ name }) => name === "search")!.counts.ok).toBe(10);
    const caches = Object.fromEntries(result.perCache.map(({ outcome, responseTimeUs }) => [outcome, responseTimeUs.n]));
    expect(caches["miss"]).toBeGreaterThan(0);
    expect(caches["hit"]! + caches["miss"]!).toBe(20);
  },
);

describe.skipIf(!serviceBinary("redis-server"))(`caches side by side${skipReason("redis-server")}`, () => {
  let redis: TestRedis;
  let config: string;
  beforeAll(async () => {
    redis = await startRedis();
    config = await configWith("with-redis.json", { cache: { driver: "redis", url: redis.url, namespace: "app" } });
  }, 60_000);
  afterAll(() => redis?.stop());

  /** What the run left there: neither answers, nor counts of what was asked. */
  async function keysLeft(): Promise<number> {
    const client = new Redis(redis.url);
    try {
      return await client.dbsize();
    } finally {
      client.disconnect();
    }
  }

  test("the shipped profile, in seconds", { timeout: 120_000 }, async () => {
    const { result, error } = await load(`cache-placement --duration 2s --config ${config}`, lenient);
    expect(error?.message).toBeUndefined();
    expect(loadResultSchema.parse(result).caching!.map(({ scenario, driver, servers }) => [scenario, driver, servers])).toEqual([
      ["memory", "memory", 3],
      ["redis", "redis", 3],
      ["tiered", "tiered", 3],
    ]);
    for (const { requests, hits, backendCalls, shared, backendTimeUs, cost, price } of result.caching!) {
      expect(hits + backendCalls + shared).toBe(requests);
      expect(backendTimeUs!.min).toBeGreaterThanOrEqual(345_000);
      expect(cost).toBeCloseTo(backendCalls * price, 9);
    }
    expect(await keysLeft()).toBe(0);
  });

  test("each server learns on its own in memory, all together in Redis; texts are embedded where they miss", async () => {
    const texts = ["lift", "drag", "flow", "heat", "shock", "wing", "jet"];
    await writeFile(join(cluster.dir, "seven.jsonl"), texts.map((text) => JSON.stringify({ text })).join("\n"));
    // One user after another: no clock decides what is asked.
    const scenario = (driver: string, servers: number, workers = 1) => ({
      executor: "shared-iterations",
      vus: workers,
      workers,
      iterations: 42,
      operation: { kind: "cached-search", servers, cache: { driver, ttl: "1h" }, backend: { price: 0.5 } },
      feed: { from: "seven.jsonl", choice: "sequential" },
    });
    const file = await profile("placement.yaml", {
      warmup: "0s",
      timeout: "20s",
      thresholds: { errors: ["rate<1%"] },
      scenarios: {
        memory: scenario("memory", 3),
        threads: scenario("memory", 4, 2),
        redis: scenario("redis", 3),
        tiered: scenario("tiered", 3),
      },
    });
    const { exitCode, result, error } = await load(`${file} --config ${config}`);
    expect(error?.message).toBeUndefined();
    expect(exitCode).toBe(0);
    // 42 questions in turn: 7 texts, and 3 servers, of which each meets all 7.
    const figures = result.caching!.map(({ requests, backendCalls, cost }) => [requests, backendCalls, cost]);
    expect([figures[0], figures[2], figures[3]]).toEqual([
      [42, 21, 10.5],
      [42, 7, 3.5],
      [42, 7, 3.5],
    ]);
    // Whichever thread was the faster: four memories learn more often than one, and none twice.
    expect(result.caching![1]!.requests).toBe(42);
    expect(result.caching![1]!.backendCalls).toBeGreaterThan(7);
    expect(result.caching![1]!.backendCalls).toBeLessThanOrEqual(28);
    const [memory, , shared, tiered] = result.caching!;
    expect([memory!.hits, shared!.hits, tiered!.hits]).toEqual([21, 35, 35]);
    expect([memory!.nearHits, shared!.nearHits]).toEqual([0, 0]);
    // A server's first look at a text is at Redis, the second at its own memory.
    expect(tiered!.nearHits).toBe(21);
    expect(await keysLeft()).toBe(0);
  }, 120_000);

  test("what cannot be is said with its place, before anything is sent", async () => {
    const file = await profile("impossible.yaml", {
      scenarios: {
        a: {
          executor: "poisson",
          rate: "1/s",
          duration: "1s",
          workers: 2,
          operation: { kind: "cached-search", servers: 3, cache: { driver: "memory" } },
        },
        b: { executor: "poisson", rate: "1/s", duration: "1s", operation: { kind: "cached-search", cache: { driver: "redis" } } },
      },
    });
    const { exitCode, error } = await load(file);
    expect([exitCode, error!.details.map(({ path }) => path)]).toEqual([
      2,
      ["scenarios.a.workers", "scenarios.b.operation.cache.driver"],
    ]);
  });
});

test("counted iterations end the run when they are through, and rates are over that time", async () => {
  const file = await profile("counted.yaml", {
    warmup: "0s",
    timeout: "20s",
    thresholds: { errors: ["rate<50%"] },
    scenarios: { each: { executor: "shared-iterations", vus: 2, iterations: 20, operation: { kind: "fetch" } } },
  });
  const { exitCode, result } = await load(file);
  expect(exitCode).toBe(0);
  expect(result.counts.ok).toBe(20);
  // At most ten minutes, which would be 0.03/s.
  expect(result.elapsedMs).toBeLessThan(60_000);
  expect(result.rates.completedPerSec).toBeGreaterThan(0.3);
});

test("events that others append stand on the timeline", async () => {
  const events = join(cluster.dir, "events.ndjson");
  await writeFile(events, "");
  const running = load("smoke --duration 2s --warmup 0s --events events.ndjson", lenient);
  await sleep(2500);
  await appendFile(events, `${JSON.stringify({ at: Date.now(), kind: "deploy", name: "v2", phase: "start" })}\n`);
  const { exitCode, result } = await running;
  expect(exitCode).toBe(0);
  // Where the machine was slow, the event came after the end; it is on the timeline if the run still went on.
  for (const event of result.events.filter(({ kind }) => kind === "deploy"))
    expect(event).toMatchObject({ name: "v2", phase: "start" });
  expect(result.events.map(({ name }) => name)).toContain("measure");
});

describe("bad input: exit 2, and nothing is sent", () => {
  test("a profile with five mistakes names all five, with their lines", async () => {
    const lines = [
      "warmup: 2", // 1: no unit
      "scenarios:",
      "  search:",
      "    executor: constant-arival-rate", // 4: misspelt
      "    rate: 5/s",
      "    duration: 1s",
      "    operation: { kind: search }",
      "  write:",
      "    executor: constant-vus",
      "    vus: 0", // 10: none
      "    duration: -5s", // 11: negative
      "    operation: { kind: upsert, bach: 3 }", // 12: unknown key
    ];
    await writeFile(join(cluster.dir, "bad.yaml"), lines.join("\n"));
    const { exitCode, error } = await load("bad.yaml");
    expect(exitCode).toBe(2);
    expect(error!.details.map(({ line }) => line)).toEqual([1, 4, 10, 11, 12]);
  });

  test.each([
    ["--rps 0", "--rps"],
    ["--duration -1s", "--duration"],
    ["--threshold nonsense<5ms", "nonsense"],
    ["--queries x.jsonl", "--queries"],
    ["--url http://localhost:1", "--url"],
  ])("smoke %s", async (flags, message) => {
    const { exitCode, error } = await load(`smoke ${flags}`);
    expect(exitCode).toBe(2);
    expect(error!.message).toContain(message);
  });

  test.each([
    ["an unknown profile", "smokey", 'did you mean "smoke"'],
    ["no such file", "nowhere/p.yaml", "there is no file"],
    ["--vus without users", "smoke --vus 3", "no scenario of the profile has users"],
    ["--rps without rates", "users-150 --rps 3", "no scenario of the profile has a rate"],
  ])("%s", async (_, line, message) => {
    const { exitCode, error } = await load(line);
    expect(exitCode).toBe(2);
    expect(error!.message).toContain(message);
  });

  test.each([
    ["an HDF5 file cut short", "cut.hdf5", Buffer.from("89484446", "hex"), {}, "cut.hdf5"],
    ["fvecs of another dimension", "other.fvecs", fvecs(8), {}, "8 dimensions"],
    ["an empty feed", "empty.jsonl", Buffer.alloc(0), {}, "the file is empty"],
    ["a threshold on an unknown metric", undefined, undefined, { "search.freshnes": ["p95<2s"] }, "search.freshnes"],
    ["a threshold on no scenario", undefined, undefined, { "upsert.responseTime": ["p95<2s"] }, "upsert.responseTime"],
  ])("%s", async (_, feed, bytes, thresholds, message) => {
    if (bytes) await writeFile(join(cluster.dir, feed), bytes);
    const file = await profile("feed.yaml", {
      thresholds,
      scenarios: {
        search: {
          executor: "constant-arrival-rate",
          rate: "5/s",
          duration: "1s",
          operation: { kind: "search" },
          ...(feed === undefined ? {} : { feed: { from: feed } }),
        },
      },
    });
    const { exitCode, error } = await load(file);
    expect(exitCode).toBe(2);
    expect(error!.message).toContain(message);
  });
});

/** Three vectors of `dim` floats. */
function fvecs(dim: number): Buffer {
  const row = Buffer.alloc(4 + 4 * dim);
  row.writeInt32LE(dim);
  for (let at = 0; at < dim; at++) row.writeFloatLE(at + 1, 4 + 4 * at);
  return Buffer.concat([row, row, row]);
}
