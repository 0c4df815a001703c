import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { connectCluster } from "../../src/cluster/index.ts";
import { configSchema, type ClusterConfig } from "../../src/config/schema.ts";
import { exactNeighbors, recallAtK } from "../../src/load/recall/index.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { packageRoot } from "../../src/version.ts";
import { loadHashes } from "../../src/sharding/hash.ts";
import { readPlan } from "../../src/migration/plan-file.ts";
import { runRekey } from "../../src/migration/rekey/run.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { makeWorkspace } from "../helpers/local-cluster.ts";
import { QdrantStandIn } from "../helpers/qdrant-cluster.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { clusteredVectors } from "../helpers/vectors.ts";

/** Fit, plan, apply, verify and reverse of a native collection, on the stand-in for Qdrant's cluster, read and written all the while. */

const dim = 8;
const points = 600;
const k = 5;
const cells = 6;
let cluster: QdrantStandIn;
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await cluster.stop();
  expect(cluster.findings, "by Qdrant's own API description").toEqual([]);
});

async function setUp() {
  await loadHashes();
  cluster = await QdrantStandIn.start({
    peers: 3,
    shards: [
      [0, 1],
      [1, 2],
      [2, 0],
    ],
    replicationFactor: 2,
    points: [0, 0, 0],
    size: dim,
  });
  cluster.runFree();
  const nodes = cluster.peers.map(({ url }, at) => ({ id: `q${at + 1}`, url }));
  const prod = { topology: "native", store: { driver: "qdrant", collection: "docs", timeout: "1s" }, nodes };
  const document = { clusters: { prod }, default: "prod" };
  const cwd = tempDir({ "ragctl.config.json": JSON.stringify(document) });
  const named: ClusterConfig = {
    ...configSchema.parse(document).clusters["prod"]!,
    name: "prod",
    source: { kind: "config", file: join(cwd, "ragctl.config.json") },
  };
  const client = await connectCluster(named, { clock: realClock, rng: seededRng(1), purpose: "test", cwd });
  closing.push(() => client.close());
  const vector = clusteredVectors({ size: dim, clusters: 12, seed: 5, spread: 0.5 });
  const truth = new Map<string, number[]>();
  const records = Array.from({ length: points }, (_, n) => ({ key: `doc ${n}`, vector: vector() }));
  for (const record of records) truth.set(record.key, record.vector);
  expect((await client.upsert("docs", records)).failed).toEqual([]);
  const queries = Array.from({ length: 60 }, vector);
  writeFileSync(join(cwd, "q.jsonl"), queries.map((each) => `${JSON.stringify({ vector: each })}\n`).join(""));
  const ragctl = async (...argv: string[]) => {
    const run = await runCli([...argv, "--json"], { cwd });
    const document = run.json();
    return { ...run, document, result: document.result };
  };
  return { cwd, named, client, vector, truth, queries, ragctl };
}
type Setting = Awaited<ReturnType<typeof setUp>>;

/**
 * Writes new vectors for random keys, deletes some and brings them back, and reads, until it is stopped.
 * @param doubt keys of which a write was not acknowledged: they are not written again, and nothing is said of them
 */
function startTraffic({ client, vector, truth, queries }: Setting, doubt?: Set<string>) {
  const rng = seededRng(9);
  const failed = (key: string, failures: readonly unknown[]) => {
    if (failures.length === 0) return false;
    if (!doubt) wrong.push(...failures);
    doubt?.add(key);
    truth.delete(key);
    return true;
  };
  const state = { stopped: false };
  const wrong: unknown[] = [];
  let written = 0;
  let asked = 0;
  const write = async () => {
    while (!state.stopped) {
      const key = `doc ${Math.floor(rng() * points)}`;
      if (doubt?.has(key)) continue;
      if (rng() < 0.2) {
        const gone = await client.delete("docs", [key], { timeoutMs: 20_000 });
        if (failed(key, gone.failed)) continue;
        truth.delete(key);
      }
      const record = { key, vector: vector() };
      const result = await client.upsert("docs", [record], { timeoutMs: 20_000 });
      if (failed(key, result.failed)) continue;
      truth.set(key, record.vector);
      written++;
      await realClock.sleep(3);
    }
  };
  const read = async () => {
    while (!state.stopped) {
      const search = client.prepareSearch("docs", queries[asked++ % queries.length]!, { k });
      await client.search(search, { timeoutMs: 20_000 }).then(
        ({ hits }) => hits.length < k && wrong.push(hits),
        (error: unknown) => wrong.push(error),
      );
      await realClock.sleep(3);
    }
  };
  const work = Promise.all([write(), read()]);
  return {
    async stop() {
      state.stopped = true;
      await work;
      return { wrong, written, asked };
    },
  };
}

async function requireNothingLost({ client, truth }: Pick<Setting, "client" | "truth">, doubtful = 0) {
  const stored = await client.fetch("docs", [...truth.keys()], { withVector: true });
  expect(stored).toHaveLength(truth.size);
  const norm = (v: readonly number[]) => Math.hypot(...v);
  const far = stored.filter(({ key, vector: is }) => {
    const want = truth.get(key)!;
    return want.some((value, d) => Math.abs(value / norm(want) - is![d]!) > 1e-4);
  });
  expect(far.map(({ key }) => key)).toEqual([]);
  const count = await client.count("docs");
  expect(count).toBeGreaterThanOrEqual(truth.size);
  expect(count).toBeLessThanOrEqual(truth.size + doubtful);
}

/** Recall of the client's own searches, and shard keys that one of them asked. */
async function measure({ client, truth, queries }: Setting, probes: number) {
  const all = [...truth.entries()];
  const source = {
    rows: all.length,
    rowsOf: async (start: number, count: number) => all.slice(start, start + count).map(([, each]) => each),
    idOf: (row: number) => all[row]![0],
  };
  const exact = await exactNeighbors(source, queries, { k, distance: "Cosine" });
  const shards = [...cluster.collections.get(cluster.aliases.get("docs")!)!.shards.values()];
  for (const shard of shards) shard.searches = 0;
  let recall = 0;
  for (const [at, query] of queries.entries()) {
    const { hits } = await client.search(client.prepareSearch("docs", query, { k, withPayload: true }));
    const byKey = hits.map(({ score, payload }) => ({ id: String(payload!["_ragctl_key"]), score }));
    recall += recallAtK(byKey, exact[at]!, k, "Cosine") / queries.length;
  }
  const asked = shards.reduce((sum, { searches = 0 }) => sum + searches, 0);
  expect(asked).toBe(queries.length * probes);
  return recall;
}

/** Shard keys that one search asks. */
async function asks({ client, queries }: Setting): Promise<number> {
  const shards = [...cluster.collections.get(cluster.aliases.get("docs")!)!.shards.values()];
  for (const shard of shards) shard.searches = 0;
  await client.search(client.prepareSearch("docs", queries[0]!, { k }));
  return shards.reduce((sum, { searches = 0 }) => sum + searches, 0);
}

describe("rebalance of a native collection", () => {
  it("from the store's own shards to cells and back, under traffic", { timeout: 180_000 }, async () => {
    const setting = await setUp();
    const { ragctl, client } = setting;
    expect((await ragctl("rebalance", "fit", "--shards", String(cells))).exitCode).toBe(0);
    const planned = await ragctl(
      "rebalance",
      "plan",
      "--probes",
      "2",
      "--queries",
      "q.jsonl",
      "--k",
      String(k),
      "-o",
      "plan.json",
      "--detailed-exitcode",
    );
    expect(planned.exitCode, planned.stderr).toBe(10);
    expect(planned.result).toMatchObject({ from: "shards of the store itself", probes: 2, changes: true });
    expect(planned.result.groups).toHaveLength(cells);
    expect(planned.result.notes.join()).toContain("clients that do not share it must write nothing");
    expect(planned.result.after.maxOverMean).toBeLessThan(1.35);
    const traffic = startTraffic(setting);
    const applied = await ragctl("rebalance", "apply", "plan.json", "--yes");
    expect(applied.exitCode, applied.stderr).toBe(0);
    expect(applied.result).toMatchObject({ topology: "native", state: "finished", steps: { total: 2, done: 2 } });
    const { wrong, written, asked } = await traffic.stop();
    expect(wrong).toEqual([]);
    expect(written).toBeGreaterThan(5);
    expect(asked).toBeGreaterThan(5);
    await requireNothingLost(setting);
    const physical = cluster.aliases.get("docs")!;
    expect([...cluster.collections.keys()]).toEqual([physical]);
    const { custom, replicationFactor, shards } = cluster.collections.get(physical)!;
    expect({ custom, replicationFactor, shards: shards.size }).toEqual({ custom: true, replicationFactor: 2, shards: cells });
    // Where the plan has them.
    const places = [...shards.values()].map(({ key, replicas }) => [
      key,
      [...replicas.keys()].map((peer) => `q${cluster.peers.findIndex(({ id }) => id === peer) + 1}`).toSorted(),
    ]);
    expect(Object.fromEntries(places)).toEqual(
      Object.fromEntries(planned.result.groups.map(({ id, owners }: any) => [id, owners.toSorted()])),
    );
    const verified = await ragctl("rebalance", "verify");
    expect(verified.result).toMatchObject({ clean: true, missing: 0, orphaned: 0, different: 0, checked: setting.truth.size });
    // Searches go where they should, and find what the simulation said.
    const simulated = await ragctl("rebalance", "simulate", "--model", "model.json", "--queries", "q.jsonl", "--k", String(k));
    expect(simulated.exitCode, simulated.stderr).toBe(0);
    expect(Math.abs((await measure(setting, 2)) - simulated.result.curve[1].recall)).toBeLessThan(0.01);
    expect((await ragctl("rebalance", "apply", "plan.json", "--yes")).document.error).toMatchObject({ code: "plan-applied" });
    const drift = await ragctl("rebalance", "drift", "--queries", "q.jsonl");
    expect([0, 4], drift.stderr).toContain(drift.exitCode);
    // The number of probed cells alone.
    await ragctl("rebalance", "plan", "--probes", "all", "-o", "probes.json");
    expect((await ragctl("rebalance", "apply", "probes.json", "--yes")).result).toMatchObject({ state: "finished", points: 0 });
    // Clients take that in with their next renewal.
    await expect.poll(() => asks(setting), { timeout: 30_000 }).toBe(cells);
    await measure(setting, cells);
    const back = await ragctl("rebalance", "reverse", "plan.json", "-o", "back.json");
    expect(back.exitCode, back.stderr).toBe(0);
    const again = startTraffic(setting);
    const undone = await ragctl("rebalance", "apply", "back.json", "--yes");
    expect(undone.exitCode, undone.stderr).toBe(0);
    expect((await again.stop()).wrong).toEqual([]);
    await requireNothingLost(setting);
    const now = cluster.collections.get(cluster.aliases.get("docs")!)!;
    expect({ custom: now.custom, shards: now.shards.size, factor: now.replicationFactor }).toEqual({
      custom: false,
      shards: 3,
      factor: 2,
    });
    expect(await client.collections()).toEqual(["docs"]);
  });

  it("a mover that dies at each boundary of its journal, and writers in between", { timeout: 180_000 }, async () => {
    const { ragctl, cwd, named, client, truth, vector } = await setUp();
    // Each attempt waits for whoever else uses the collection: nobody, here.
    await client.close();
    closing.length = 0;
    await ragctl("rebalance", "fit", "--shards", String(cells));
    await ragctl("rebalance", "plan", "-o", "plan.json");
    const plan = readPlan(cwd, "plan.json");
    // Waits are for late arrivals, and nothing arrives late here.
    const clock = { ...realClock, sleep: (ms: number, signal?: AbortSignal) => realClock.sleep(Math.min(ms, 10), signal) };
    const rng = seededRng(4);
    const connect = () => connectCluster(named, { clock: realClock, rng: seededRng(1), purpose: "test", cwd });
    const seen: string[] = [];
    for (;;) {
      const record = (name: string, phase: string) => {
        if (seen.includes(`${name} ${phase}`)) return;
        seen.push(`${name} ${phase}`);
        throw new Killed();
      };
      const deps = { resume: true, abort: false, journal: { record }, maxRate: undefined, patienceMs: 20_000 };
      const quiet = { note: () => {}, onProgress: () => {} };
      try {
        const result = await runRekey(plan, named, { ...deps, ...quiet, runtime: fakeRuntime({ cwd, clock }) });
        expect(result.state).toBe("finished");
        break;
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
      }
      const writer = await connect();
      for (let n = 0; n < 4; n++) {
        const record = { key: `doc ${Math.floor(rng() * points)}`, vector: vector() };
        expect((await writer.upsert("docs", [record])).failed).toEqual([]);
        truth.set(record.key, record.vector);
      }
      const gone = `doc ${Math.floor(rng() * points)}`;
      expect((await writer.delete("docs", [gone])).failed).toEqual([]);
      truth.delete(gone);
      await writer.close();
    }
    const names = ["adopt", "announce", "create", "copy", "drain", "compare", "pause", "cut-over", "retire"];
    expect(seen.toSorted()).toEqual(
      names
        .flatMap((name) => [`${name} end`, `${name} start`])
        .filter((each) => each !== "pause end")
        .toSorted(),
    );
    const reader = await connect();
    closing.push(() => reader.close());
    await requireNothingLost({ client: reader, truth });
    expect((await ragctl("rebalance", "verify")).result).toMatchObject({ clean: true, checked: truth.size });
    expect(cluster.aliases.size).toBe(1);
    expect(cluster.collections.size).toBe(1);
  });

  it("writes that are not answered, or land late, the mover's and the clients'", { timeout: 180_000 }, async () => {
    const setting = await setUp();
    const { ragctl } = setting;
    await ragctl("rebalance", "fit", "--shards", String(cells));
    await ragctl("rebalance", "plan", "-o", "plan.json");
    const seed = Date.now() % 100_000;
    const rng = seededRng(seed);
    const landed: Promise<unknown>[] = [];
    let troubles = 0;
    cluster.onPoints = async ({ method, path }) => {
      const writes = method === "PUT" || path.includes("/delete");
      if (!writes || troubles >= 10 || rng() > 0.08) return "good";
      troubles++;
      if (rng() < 0.5) return "unanswered";
      // Its sender has given up by then.
      const late = realClock.sleep(1_500);
      landed.push(late);
      await late;
      return "good";
    };
    const doubt = new Set<string>();
    const traffic = startTraffic(setting, doubt);
    const applied = await ragctl("rebalance", "apply", "plan.json", "--yes");
    expect(applied.exitCode, `seed ${seed}: ${applied.stderr}`).toBe(0);
    const { wrong } = await traffic.stop();
    cluster.onPoints = () => "good";
    await Promise.all(landed);
    expect(wrong, `seed ${seed}`).toEqual([]);
    expect(troubles, `seed ${seed}`).toBeGreaterThan(0);
    await requireNothingLost(setting, doubt.size);
    const { result } = await ragctl("rebalance", "verify", "--repair");
    expect(result, `seed ${seed}`).toMatchObject({ clean: true, different: 0 });
  });

  it("kill -9 in the middle, and --resume", { timeout: 180_000 }, async () => {
    const { ragctl, cwd, client, truth } = await setUp();
    await ragctl("rebalance", "fit", "--shards", String(cells));
    await ragctl("rebalance", "plan", "-o", "plan.json");
    const workspace = await makeWorkspace();
    closing.push(() => workspace.stop());
    const env = {
      NODE_OPTIONS: `--import ${join(packageRoot, "test/helpers/crash-at.ts")}`,
      // After the announcement, the collection made, or the copy begun: wherever, the table says how to go on.
      RAGCTL_TEST_CRASH_AT: String(5 + Math.floor(seededRng(Date.now())() * 5)),
    };
    const apply = ["rebalance", "apply", join(cwd, "plan.json"), "--config", join(cwd, "ragctl.config.json"), "--yes"];
    expect((await workspace.start(apply, { env }).ended).exitCode, env.RAGCTL_TEST_CRASH_AT).toBe(137);
    const resumed = await ragctl("rebalance", "apply", "plan.json", "--resume");
    expect(resumed.result, resumed.stderr).toMatchObject({ state: "finished", resumed: true });
    await requireNothingLost({ client, truth });
  });

  it("is refused with a sentence where it cannot be", { timeout: 60_000 }, async () => {
    const { ragctl, client } = await setUp();
    expect((await ragctl("rebalance", "fit", "--shards", String(cells))).exitCode).toBe(0);
    const plan = async (...argv: string[]) => (await ragctl("rebalance", "plan", "-o", "plan.json", ...argv)).document;
    const pointed = cluster.collections.get("docs")!;
    // A release of somebody's, by an alias.
    cluster.collections.delete("docs");
    cluster.collections.set("docs-1", Object.assign(pointed, { name: "docs-1" }));
    cluster.aliases.set("docs", "docs-1");
    expect(await plan()).toMatchObject({ exitCode: 7, error: { code: "is-alias" } });
    cluster.aliases.clear();
    cluster.collections.delete("docs-1");
    cluster.collections.set("docs", Object.assign(pointed, { name: "docs" }));
    // Keys that somebody else has given it.
    pointed.custom = true;
    for (const [id, shard] of pointed.shards) shard.key = `tenant-${id}`;
    expect(await plan()).toMatchObject({ exitCode: 7, error: { code: "keys-of-its-own" } });
    pointed.custom = false;
    for (const shard of pointed.shards.values()) delete shard.key;
    // What a copy of one vector would lose.
    pointed.sparse = { words: {} };
    expect(await plan()).toMatchObject({ exitCode: 7, error: { code: "several-vectors" } });
    delete pointed.sparse;
    expect(await plan("--probes", "7")).toMatchObject({ exitCode: 2 });
    expect(await plan("--spill", "10%")).toMatchObject({ exitCode: 2 });
    // A plan for another state of things.
    expect(await plan()).toMatchObject({ exitCode: 0 });
    pointed.replicationFactor = 1;
    expect((await ragctl("rebalance", "apply", "plan.json", "--yes")).document).toMatchObject({
      exitCode: 7,
      error: { code: "plan-stale" },
    });
    await cluster.kill(2);
    expect(await plan()).toMatchObject({ exitCode: 7, error: { code: "node-unfit" } });
    expect(await client.count("docs")).toBe(points);
  });

  it("is taken back where clients do not read the copy yet", { timeout: 60_000 }, async () => {
    const { ragctl, cwd, named, client, truth } = await setUp();
    await ragctl("rebalance", "fit", "--shards", String(cells));
    await ragctl("rebalance", "plan", "-o", "plan.json");
    const plan = readPlan(cwd, "plan.json");
    const record = (name: string) => {
      if (name === "drain") throw new Killed();
    };
    const deps = { resume: false, abort: false, journal: { record }, maxRate: undefined, patienceMs: 20_000 };
    const quiet = { note: () => {}, onProgress: () => {} };
    await expect(runRekey(plan, named, { ...deps, ...quiet, runtime: fakeRuntime({ cwd }) })).rejects.toThrow(Killed);
    expect(cluster.collections.size).toBe(2);
    expect((await ragctl("rebalance", "apply", "plan.json", "--yes")).document.error).toMatchObject({
      code: "plan-half-applied",
    });
    expect((await ragctl("rebalance", "plan", "-o", "other.json")).document.error).toMatchObject({ code: "plan-in-flight" });
    expect((await ragctl("rebalance", "reverse", "plan.json")).document.error).toMatchObject({
      code: "plan-stale",
      message: expect.stringContaining("half applied") as string,
    });
    expect((await ragctl("rebalance", "apply", "plan.json", "--abort", "--yes")).result).toMatchObject({ state: "aborted" });
    expect([...cluster.collections.keys()]).toEqual(["docs"]);
    await requireNothingLost({ client, truth });
    expect((await ragctl("rebalance", "apply", "plan.json", "--yes")).result).toMatchObject({ state: "finished" });
    await requireNothingLost({ client, truth });
  });
});

/** What `kill -9` does to the mover: from here on, nothing of it happens any more. */
class Killed extends Error {}
