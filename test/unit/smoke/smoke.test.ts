import { describe, expect, it } from "vitest";
import { memoryCache } from "../../../src/cache/memory.ts";
import { ExitCode, RagctlError } from "../../../src/errors.ts";
import type { LoadResult } from "../../../src/load/result.ts";
import { smokeAnnotations, smokeReport, smokeSuite } from "../../../src/report/smoke.ts";
import { makeStyle } from "../../../src/report/style.ts";
import { Interrupted, seededRng } from "../../../src/runtime.ts";
import { canaryCollection, leftovers } from "../../../src/smoke/canary.ts";
import { roundTrip } from "../../../src/smoke/cache.ts";
import { exitCodeOf, runSmoke, type SmokeDeps, type SmokeInput } from "../../../src/smoke/index.ts";
import { judgeQueries } from "../../../src/smoke/judge.ts";
import { smokeObjectives } from "../../../src/smoke/objectives.ts";
import { ownVectors } from "../../../src/smoke/queries.ts";
import type { StoredRecord } from "../../../src/cluster/contract.ts";
import { LatencyHistogram, prepareHistograms } from "../../../src/load/recorder/histogram.ts";
import { evaluateThreshold, type Measured } from "../../../src/load/thresholds/evaluate.ts";
import { parseThreshold } from "../../../src/load/thresholds/parse.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { fakeNodes } from "./fake-nodes.ts";

const latency = {
  n: 50,
  min: 900,
  mean: 1000,
  p50: 1000,
  p90: 1500,
  p95: 1800,
  p99: 2000,
  p999: 2000,
  max: 2000,
  unsupported: [],
};
const load = (over: Partial<LoadResult> = {}) =>
  ({
    verdict: "pass",
    reasons: [],
    spec: { ratePerSec: 25 },
    counts: { scheduled: 50, ok: 50 },
    responseTimeUs: latency,
    thresholds: [],
    ...over,
  }) as unknown as LoadResult;

/** Runs smoke with all the simulated time it wants. */
async function smoke(fake: Awaited<ReturnType<typeof fakeNodes>>, deps: Partial<SmokeDeps & SmokeInput> = {}) {
  const clock = new SimClock();
  const queried: string[] = [];
  const running = runSmoke(
    {
      cluster: fake.client.cluster,
      connect: deps.connect ?? (async () => fake.client),
      configDetail: "cluster fake",
      collection: deps.collection,
    },
    {
      clock,
      rng: seededRng(7),
      signal: new AbortController().signal,
      queries: async (_client, collection) => {
        queried.push(collection);
        return load();
      },
      ...deps,
    },
  );
  const state = { settled: false };
  void running.catch(() => {}).then(() => (state.settled = true));
  for (let turn = 0; turn < 500 && !state.settled; turn++) await clock.advance(50);
  const result = await running;
  return {
    result,
    queried,
    exitCode: exitCodeOf(result),
    brief: result.checks.map(({ name, outcome }) => `${name}: ${outcome}`),
  };
}

describe("smoke", () => {
  it("passes on a good cluster, in this order, and leaves nothing behind", async () => {
    const fake = await fakeNodes();
    const { result, exitCode, queried } = await smoke(fake);
    expect(result).toMatchObject({ cluster: "fake", verdict: "pass" });
    expect(exitCode).toBe(0);
    expect(result.checks.map(({ name, detail }) => `${name}: ${detail.replaceAll(result.canaryCollection, "CANARY")}`))
      .toMatchInlineSnapshot(`
      [
        "config: cluster fake",
        "nodes: all 3 nodes answer within 400 µs, version 1.18.0",
        "canary write: 16 points in CANARY, found on every replica (32 copies on 3 nodes)",
        "canary search: each of 16 points is the best hit for its own vector",
        "canary delete: gone from all 3 nodes",
        "objectives: 50 of 50 queries of canary points ok, p50 1.00 ms, max 2.00 ms; the config has no objectives for latency or errors",
        "clean up: CANARY dropped",
      ]
    `);
    expect(queried).toEqual([result.canaryCollection]);
    expect([...fake.held.keys()]).toEqual([]);
    expect(fake.dropped).toEqual([result.canaryCollection]);
  });

  it("queries the collection that was named, the config's, or the first with points", async () => {
    expect((await smoke(await fakeNodes(), { collection: "mine" })).queried).toEqual(["mine"]);
    expect((await smoke(await fakeNodes({ store: { driver: "qdrant", collection: "theirs" } }))).queried).toEqual(["theirs"]);
    const fake = await fakeNodes();
    for (const name of ["b", "a", "c"]) fake.create(name);
    for (const name of ["b", "c"])
      fake.held
        .get(name)!
        .get("n1")!
        .set("1", { key: "1", vector: [1] });
    expect((await smoke(fake)).queried).toEqual(["b"]);
  });

  it("says which node does not answer, and what it therefore did not check", async () => {
    const fake = await fakeNodes();
    fake.faults.dead.add("n2");
    const { result, exitCode, brief } = await smoke(fake);
    expect([result.verdict, exitCode]).toEqual(["fail", 3]);
    expect(brief).toEqual([
      "config: ok",
      "nodes: unreachable",
      "canary write: skipped",
      "canary search: skipped",
      "canary delete: skipped",
      "objectives: skipped",
      "clean up: ok",
    ]);
    expect(result.checks[1]!.detail).toBe("n2 (http://n2:6333): connect ECONNREFUSED");
    expect(result.checks[2]).toMatchObject({ ok: false, detail: "skipped: nodes did not pass" });
    expect(fake.dropped).toEqual([]);
  });

  it("says why it could not connect at all", async () => {
    const fake = await fakeNodes();
    const connect = () =>
      Promise.reject(new RagctlError("the state store is gone", { code: "x", exitCode: ExitCode.unreachable }));
    const { result, exitCode, brief } = await smoke(fake, { connect });
    expect(exitCode).toBe(3);
    expect(result.checks[1]!.detail).toBe("the state store is gone");
    expect(brief.at(-1)).toBe("objectives: skipped");
  });

  it("finds a replica that acknowledges and forgets", async () => {
    const fake = await fakeNodes();
    fake.faults.forgetful.add("n3");
    const { result, exitCode, brief } = await smoke(fake);
    expect(exitCode).toBe(4);
    expect(brief[2]).toBe("canary write: failed");
    expect(result.checks[2]!.detail).toMatch(/^n3 acknowledged \d+ points and lacks \d+ of them$/);
    expect(brief.at(-1)).toBe("clean up: ok");
    expect(fake.dropped).toHaveLength(1);
  });

  it("finds a search that finds something else", async () => {
    const fake = await fakeNodes();
    fake.faults.wrongHit = 4;
    const { result, brief } = await smoke(fake);
    expect(brief[3]).toBe("canary search: failed");
    expect(result.checks[3]!.detail).toBe("the best hit for point 1's own vector is point 4");
    expect(brief[4]).toBe("canary delete: ok");
  });

  it("finds a node that keeps what was deleted", async () => {
    const fake = await fakeNodes();
    fake.faults.hoarding.add("n1");
    const { result } = await smoke(fake);
    expect(result.checks[4]!.detail).toMatch(/^n1 still has \d+ of 16 deleted points$/);
  });

  it("says that it could not clean up", async () => {
    const fake = await fakeNodes();
    fake.faults.dropFails = true;
    const { exitCode, brief } = await smoke(fake);
    expect([brief.at(-1), exitCode]).toEqual(["clean up: unreachable", 3]);
  });

  it("cleans up after Ctrl-C, and says that it was interrupted", async () => {
    const fake = await fakeNodes();
    const stop = new AbortController();
    fake.faults.onUpsert = () => stop.abort(new Interrupted("SIGINT"));
    await expect(smoke(fake, { signal: stop.signal })).rejects.toBeInstanceOf(Interrupted);
    expect(fake.dropped).toHaveLength(1);
  });

  it("is inconclusive where only the generator was at fault", async () => {
    const { result, exitCode } = await smoke(await fakeNodes(), {
      queries: async () => load({ verdict: "inconclusive", reasons: ["late"] }),
    });
    expect([result.verdict, exitCode]).toEqual(["inconclusive", 6]);
  });

  it("passes bugs on, after cleaning up", async () => {
    const fake = await fakeNodes();
    const queries = () => Promise.reject(new TypeError("oops"));
    await expect(smoke(fake, { queries })).rejects.toThrow("oops");
    expect(fake.dropped).toHaveLength(1);
  });
});

describe("the queries' sentence", () => {
  const objective = {
    expression: "p99<1ms",
    source: "objective" as const,
    ok: false,
    actual: 2000,
    unit: "us" as const,
    limit: 1000,
    n: 50,
  };
  it("says which objective was missed, and by how much", () => {
    const failed = load({ verdict: "fail", thresholds: [objective, { ...objective, expression: "p50<9ms", ok: true }] });
    expect(() => judgeQueries(failed, "docs", {})).toThrow(
      "p99<1ms was 2.00 ms; 50 of 50 queries of docs ok, p50 1.00 ms, max 2.00 ms",
    );
  });
  it("says what so few samples cannot tell, and what was judged in its stead", () => {
    const passed = load({ thresholds: [{ ...objective, expression: "p80<3ms", ok: true }] });
    expect(judgeQueries(passed, "docs", { p95: 3, p99: 9 })).toBe(
      "50 of 50 queries of docs ok, p50 1.00 ms, max 2.00 ms; p80<3ms held; p95 and p99 not judged (too few in 50 queries): their limits are held against p80",
    );
  });
  it("says which held, and what is not measured", () => {
    const passed = load({ thresholds: [{ ...objective, ok: true }] });
    expect(judgeQueries(passed, "docs", { recallAt10: 0.9 })).toBe(
      "50 of 50 queries of docs ok, p50 1.00 ms, max 2.00 ms; p99<1ms held; recall is not measured here",
    );
  });
});

describe("objectives of fifty queries", () => {
  const judged = (objectives: Parameters<typeof smokeObjectives>[0], samples = 50) =>
    smokeObjectives(objectives, samples).thresholds.map(({ expression }) => expression);
  it.each([
    [{}, 50, ["errors<1%"]],
    [{ p99: 100 }, 50, ["p80<100ms", "errors<1%"]],
    [{ p50: 5, p95: 50, p99: 100, errorRate: 0.001 }, 50, ["p50<5ms", "p80<50ms", "errors<0.1%"]],
    [{ p95: 200, p99: 100 }, 50, ["p80<100ms", "errors<1%"]],
    [{ p99: 100 }, 20, ["p50<100ms", "errors<1%"]],
    [{ p95: 50, p99: 100 }, 200, ["p95<50ms", "errors<1%"]],
    [{ p99: 100 }, 1000, ["p99<100ms", "errors<1%"]],
  ])("%j of %i are judged as %j", (objectives, samples, expected) => {
    expect(judged(objectives, samples)).toEqual(expected);
  });
  it("one slow query of fifty misses nothing, and one that failed does", async () => {
    await prepareHistograms();
    const { thresholds } = smokeObjectives({ p99: 100 }, 50);
    const measured = (slow: number, failed: number) => {
      const histogram = new LatencyHistogram();
      for (let at = 0; at < 50 - failed; at++) histogram.record(at < slow ? 900_000 : 2000);
      const counts = { scheduled: 50, ok: 50 - failed, completed: 50 };
      return { counts, response: histogram, service: histogram } as unknown as Measured;
    };
    const ok = (slow: number, failed: number) =>
      thresholds.every((threshold) => evaluateThreshold(parseThreshold(threshold), measured(slow, failed)).ok);
    expect([ok(0, 0), ok(1, 0), ok(10, 0), ok(11, 0), ok(0, 1)]).toEqual([true, true, true, false, false]);
  });
});

it("queries are vectors of one page of points, however many there are; without any, it says so", async () => {
  let pages = 0;
  const scroll = async function* (_collection: string, { pageSize }: { pageSize?: number }): AsyncGenerator<StoredRecord[]> {
    for (;;) {
      pages++;
      yield Array.from({ length: pageSize! }, (_, id) => ({ id, key: String(id), payload: {}, vector: [id] }));
    }
  };
  const { signal } = new AbortController();
  expect(await ownVectors({ scroll }, "docs", signal)).toHaveLength(100);
  expect(pages).toBe(1);
  const empty = async function* (): AsyncGenerator<StoredRecord[]> {};
  await expect(ownVectors({ scroll: empty }, "docs", signal)).rejects.toMatchObject({ code: "no-points", exitCode: 4 });
});

it("the cache's round trip finds a cache that forgets", async () => {
  const clock = new SimClock();
  const cache = memoryCache({ maxBytes: 1e6, clock });
  expect(await roundTrip(cache, "k", clock)).toBe("written, read and deleted in 0 µs (memory)");
  await expect(roundTrip({ ...cache, get: async () => undefined }, "k", clock)).rejects.toMatchObject({ exitCode: 4 });
  await expect(roundTrip({ ...cache, delete: async () => true }, "k", clock)).rejects.toThrow("still has what was deleted");
});

it("only old canary collections are left over", () => {
  const nowMs = 1_800_000_000_000;
  const old = canaryCollection(nowMs - 3_600_000, seededRng(1));
  const fresh = canaryCollection(nowMs - 60_000, seededRng(2));
  expect(old).toMatch(/^_ragctl_smoke_[0-9a-z]+_[0-9a-z]{6}$/);
  expect(leftovers([old, fresh, "docs", "_ragctl_smoke_", "_ragctl_smoke_mine", "my_ragctl_smoke_0_aaaaaa"], nowMs)).toEqual([
    old,
  ]);
});

describe("the report", () => {
  const checks = [
    {
      name: "config",
      ok: true,
      outcome: "ok" as const,
      detail: "cluster prod (ragctl.config.yaml): routed, 3 nodes, 2 replicas",
      durationMs: 0,
    },
    {
      name: "nodes",
      ok: false,
      outcome: "unreachable" as const,
      detail: "n2 (http://n2:6333): connect ECONNREFUSED, 50% lost",
      hint: "ragctl status shows every node",
      durationMs: 2001,
    },
    { name: "canary write", ok: false, outcome: "skipped" as const, detail: "skipped: nodes did not pass", durationMs: 0 },
  ];
  it("leads with the verdict and fits the terminal", () => {
    const text = smokeReport(
      { cluster: "prod", verdict: "fail", checks, canaryCollection: "x", elapsedMs: 2100 },
      makeStyle({ color: false, columns: 80 }),
    );
    expect(text).toMatchInlineSnapshot(`
      "fail · 1 of 3 checks of cluster prod in 2.10 s

        ✓ config        cluster prod (ragctl.config.yaml): routed, 3 nodes, 2 replicas
        ✗ nodes         n2 (http://n2:6333): connect ECONNREFUSED, 50% lost (2.00 s)
                        hint: ragctl status shows every node
        - canary write  skipped: nodes did not pass"
    `);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });
  it("gives CI what it reads", () => {
    expect(smokeSuite(checks).cases.map(({ name, outcome, message }) => [name, outcome, message])).toEqual([
      ["config", "ok", undefined],
      ["nodes", "error", checks[1]!.detail],
      ["canary write", "skipped", "skipped: nodes did not pass"],
    ]);
    expect(smokeAnnotations(checks)).toEqual([
      { level: "error", title: "ragctl smoke: nodes", message: `${checks[1]!.detail}\nragctl status shows every node` },
    ]);
  });
});
