import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connectCluster, type ClusterClient } from "../../src/cluster/index.ts";
import { configSchema, type ClusterConfig } from "../../src/config/schema.ts";
import { searchesIn } from "../../src/planning/heat/counters.ts";
import { exactNeighbors, recallAtK } from "../../src/load/recall/index.ts";
import type { SimulateResult } from "../../src/rebalance/simulate/result.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { flattenCentroids, nearestCells } from "../../src/sharding/semantic.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";
import { clusteredVectors } from "../helpers/vectors.ts";

const collection = "docs";
const dim = 16;
const points = 2400;
const k = 10;

let local: LocalCluster;
let client: ClusterClient;
/** What was last acknowledged of each key. */
const truth = new Map<string, number[]>();
const vector = clusteredVectors({ size: dim, clusters: 24, seed: 11, spread: 0.7 });
const queries = Array.from({ length: 120 }, vector);
/** What is stored before anybody writes: the same in each run. */
const original = Array.from({ length: points }, (_, n) => ({ key: `doc ${n}`, vector: vector() }));

beforeAll(async () => {
  local = await startLocalCluster({ nodes: 4, replicas: 1 });
  client = await connect(local);
  await client.ensureCollection(collection, { size: dim, distance: "Cosine" });
  await store(original);
  writeFileSync(join(local.dir, "q.jsonl"), queries.map((each) => `${JSON.stringify({ vector: each })}\n`).join(""));
}, 180_000);
afterAll(async () => {
  await client?.close();
  await local?.stop();
}, 60_000);

async function store(records: readonly { key: string; vector: number[] }[]) {
  for (let start = 0; start < records.length; start += 400)
    expect((await client.upsert(collection, records.slice(start, start + 400), { timeoutMs: 20_000 })).failed).toEqual([]);
  for (const record of records) truth.set(record.key, record.vector);
}

function connect({ config, dir }: LocalCluster): Promise<ClusterClient> {
  const cluster = configSchema.parse(JSON.parse(readFileSync(config, "utf8"))).clusters["local"]!;
  const named: ClusterConfig = { ...cluster, name: "local", source: { kind: "config", file: config } };
  return connectCluster(named, { clock: realClock, rng: seededRng(1), purpose: "test", cwd: dir });
}

async function run(...argv: string[]) {
  const outcome = await local.cli([...argv, "--json"], { timeoutMs: 150_000 });
  const document = outcome.json();
  return { ...outcome, document, result: document.result };
}

/** Writes new vectors for random keys, and deletes and brings back a few, until it is stopped. What is acknowledged is remembered. */
function startWriter() {
  const rng = seededRng(5);
  const state = { stopped: false };
  const failed: unknown[] = [];
  let written = 0;
  const work = async () => {
    while (!state.stopped) {
      const key = `doc ${Math.floor(rng() * points)}`;
      const record = { key, vector: vector() };
      const result = await client.upsert(collection, [record], { timeoutMs: 20_000 });
      failed.push(...result.failed);
      truth.set(key, record.vector);
      written++;
      await realClock.sleep(10);
    }
  };
  const done = work();
  return {
    stop: async () => {
      state.stopped = true;
      await done;
      return { failed, written };
    },
  };
}

/** Searches without a pause, until it is stopped. */
function startReader() {
  const state = { stopped: false };
  let asked = 0;
  const wrong: unknown[] = [];
  const work = async () => {
    while (!state.stopped) {
      const search = client.prepareSearch(collection, queries[asked % queries.length]!, { k });
      asked++;
      try {
        const { hits, partial } = await client.search(search, { timeoutMs: 20_000 });
        if (partial || hits.length < k) wrong.push({ partial, hits: hits.length });
      } catch (error) {
        wrong.push(error);
      }
      await realClock.sleep(10);
    }
  };
  const done = work();
  return {
    stop: async () => {
      state.stopped = true;
      await done;
      return { wrong, asked };
    },
  };
}

/** Each query once through the client, against the vectors that were acknowledged. */
async function measure() {
  const keys = [...truth.keys()];
  const records = await client.fetch(collection, keys.slice(0, 1));
  expect(records).toHaveLength(1);
  const all = [...truth.entries()];
  const source = {
    rows: all.length,
    rowsOf: async (start: number, count: number) => all.slice(start, start + count).map(([, each]) => each),
    idOf: (row: number) => all[row]![0],
  };
  const exact = await exactNeighbors(source, queries, { k, distance: "Cosine" });
  let recall = 0;
  let nodes = 0;
  for (const [at, query] of queries.entries()) {
    const { hits, requests } = await client.search(client.prepareSearch(collection, query, { k, withPayload: true }), {
      timeoutMs: 20_000,
    });
    const byKey = hits.map(({ score, payload }) => ({ id: String(payload!["_ragctl_key"]), score }));
    recall += recallAtK(byKey, exact[at]!, k, "Cosine") / queries.length;
    nodes += new Set(requests.map(({ node }) => node)).size / queries.length;
  }
  return { recall, nodes };
}

/** @returns copies on all nodes */
async function requireNothingLost(): Promise<number> {
  const stored = await client.fetch(collection, [...truth.keys()], { withVector: true, timeoutMs: 30_000 });
  expect(stored).toHaveLength(truth.size);
  const far = stored.filter(({ key, vector: is }) => truth.get(key)!.some((value, d) => Math.abs(value - is![d]!) > 1e-5));
  expect(far.map(({ key }) => key)).toEqual([]);
  expect(await client.count(collection)).toBe(truth.size);
  const verified = await run("rebalance", "verify");
  expect(verified.result).toMatchObject({ clean: true, missing: 0, orphaned: 0, different: 0, checked: truth.size });
  return verified.result.nodes.reduce((sum: number, node: { points: number }) => sum + node.points, 0);
}

/** Where the table places vectors now, said from the table alone. */
async function placed() {
  const { partitioner, vector } = (await client.table(collection))!;
  if (partitioner.kind !== "semantic") throw new Error(`placed by ${partitioner.kind}`);
  const { owners = [], probes = owners.length } = partitioner;
  const flat = flattenCentroids(partitioner);
  const cellsOf = (row: ArrayLike<number>, count: number) => nearestCells(flat, vector.distance, row, count);
  return { cellsOf, owners, probes, ownerOf: (row: ArrayLike<number>) => owners[cellsOf(row, 1)[0]!]![0]! };
}

/** By the nodes' own counters. */
async function searchesByNode(): Promise<Map<string, number>> {
  const { nodes } = (await client.table(collection))!;
  const counted = Object.entries(nodes).map(async ([id, { url }]): Promise<[string, number]> => {
    const answer = await fetch(new URL("/metrics", url));
    return [id, searchesIn(await answer.text()) ?? 0];
  });
  return new Map(await Promise.all(counted));
}

/** Each of these queries once: every node is asked as often as the cells that it owns say. */
async function requirePredictedRequests(asked: readonly number[][]) {
  const { cellsOf, owners, probes } = await placed();
  const predicted = new Map([...(await searchesByNode()).keys()].map((id) => [id, 0]));
  for (const query of asked)
    for (const id of new Set(cellsOf(query, probes).flatMap((cell) => owners[cell]!))) predicted.set(id, predicted.get(id)! + 1);
  // A client's view may lag by its lease.
  await vi.waitFor(
    async () => {
      const before = await searchesByNode();
      for (const query of asked) await client.search(client.prepareSearch(collection, query, { k }), { timeoutMs: 20_000 });
      const after = await searchesByNode();
      expect(new Map([...after].map(([id, count]) => [id, count - before.get(id)!]))).toEqual(predicted);
    },
    { timeout: 30_000, interval: 500 },
  );
}

/** Plans, applies beside a writer, verifies, and goes back with nobody writing: then what is copied is known to the point. */
async function changeAndBack(
  name: string,
  flags: readonly string[],
  asked: readonly number[][],
  check: (now: Awaited<ReturnType<typeof placed>> & { moved: number }) => void,
) {
  const first = await placed();
  const planned = await run("rebalance", "plan", ...flags, "-o", `${name}.json`);
  expect(planned.exitCode, planned.stderr + planned.stdout).toBe(0);
  expect(planned.result.after.maxOverMean).toBeLessThan(1.3);
  const writer = startWriter();
  const applied = await run("rebalance", "apply", `${name}.json`, "--yes");
  const { failed } = await writer.stop();
  expect(applied.exitCode, applied.stderr).toBe(0);
  expect(failed).toEqual([]);
  await requireNothingLost();
  const second = await placed();
  check({ ...second, moved: planned.result.movedFraction });
  const changing = [...truth.values()].filter((each) => first.ownerOf(each) !== second.ownerOf(each)).length;
  expect(changing).toBeGreaterThan(0);
  expect(planned.result.points).toBeGreaterThan(changing / 2);
  expect(planned.result.points).toBeLessThan(changing * 2);
  await requirePredictedRequests(asked);
  const reversed = await run("rebalance", "reverse", `${name}.json`, "-o", `${name}-back.json`);
  expect(reversed.exitCode, reversed.stderr).toBe(0);
  const back = await run("rebalance", "apply", `${name}-back.json`, "--yes");
  expect(back.exitCode, back.stderr).toBe(0);
  expect(back.result.points).toBe(changing);
  expect((await placed()).owners).toEqual(first.owners);
  await requireNothingLost();
}

describe("from hashes to cells and back, on a cluster that is read and written all the while", () => {
  test("fit and simulate read the collection", async () => {
    const fitted = await run("rebalance", "fit", "--shards", "12");
    expect(fitted.exitCode, fitted.stderr).toBe(0);
    expect(schemaProblems("rebalance fit", fitted.document)).toEqual([]);
    expect(fitted.result).toMatchObject({ vectors: points, metric: "cosine", source: collection, sampling: null });
    const sampled = await run("rebalance", "fit", "--shards", "6", "--sample", "600", "-o", "sampled.json");
    const { sampling, vectors } = sampled.result;
    expect(vectors).toBeGreaterThan(450);
    expect(vectors).toBeLessThan(750);
    expect(sampling).toMatchObject({ points, read: vectors });
    expect(sampling.shareError).toBeGreaterThan(0.005);
    expect(sampling.shareError).toBeLessThan(0.05);
    // What it says of the whole holds for the whole, as far as it says.
    const perPoint = fitted.result.inertia / points;
    expect(perPoint).toBeGreaterThan(0);
    expect(sampling.inertiaError).toBeLessThan(0.2);
  }, 120_000);

  test("a model of another collection, dimension or metric moves nothing", async () => {
    const model = JSON.parse(readFileSync(join(local.dir, "model.json"), "utf8"));
    writeFileSync(
      join(local.dir, "other.json"),
      JSON.stringify({ ...model, training: { ...model.training, source: { kind: "collection", name: "wiki" } } }),
    );
    const short = Array.from({ length: 300 }, (_, n) =>
      JSON.stringify(queries[n % queries.length]!.slice(0, 5).map((value) => value + n * 1e-4)),
    );
    writeFileSync(join(local.dir, "short.jsonl"), short.join("\n"));
    expect(
      (await run("rebalance", "fit", "--vectors", "short.jsonl", "--metric", "cosine", "--shards", "4", "-o", "short.json"))
        .exitCode,
    ).toBe(0);
    expect(
      (await run("rebalance", "fit", "--vectors", "q.jsonl", "--metric", "l2", "--shards", "4", "-o", "l2.json")).exitCode,
    ).toBe(0);
    const before = await client.table(collection);
    for (const [file, exitCode, message] of [
      ["other.json", 7, "other.json was fitted to collection wiki, not to docs"],
      ["short.json", 2, "short.json: has 5 dimensions, collection docs has 16"],
      ["l2.json", 2, "l2.json: was fitted by l2, collection docs compares by cosine"],
    ] as const) {
      const refused = await run("rebalance", "plan", "--model", file, "-o", "never.json");
      expect([file, refused.exitCode]).toEqual([file, exitCode]);
      expect(JSON.stringify(refused.document.error)).toContain(message);
    }
    expect((await client.table(collection))!.epoch).toBe(before!.epoch);
    const split = await run("rebalance", "plan", "--split", "0");
    expect(split.exitCode).toBe(2);
    expect(split.document.error.message).toContain("is not placed by meaning");
  }, 120_000);

  test("plan, apply, verify: searches then touch the predicted nodes, and find what was simulated", async () => {
    const planned = await run("rebalance", "plan", "--probes", "auto", "--queries", "q.jsonl", "-o", "plan.json");
    expect(planned.exitCode, planned.stderr).toBe(0);
    expect(schemaProblems("rebalance plan", planned.document)).toEqual([]);
    const { probes, expected, movedFraction, groups, backfill } = planned.result;
    expect(probes).toBeLessThan(12);
    expect(expected).toMatchObject({ k, probes });
    expect(expected.recall).toBeGreaterThanOrEqual(0.95);
    expect(backfill).toBe(points);
    expect(movedFraction).toBeGreaterThan(0.5);
    expect(groups.flatMap(({ cells }: { cells: number[] }) => cells).toSorted((a: number, b: number) => a - b)).toEqual(
      Array.from({ length: 12 }, (_, cell) => cell),
    );
    const shown = await run("rebalance", "show", "plan.json");
    expect({ ...shown.result, file: null, notes: [] }).toEqual({ ...planned.result, file: null, notes: [] });

    // The same by a second layout, which takes everything, and room.
    const beside = await run("rebalance", "plan", "--blue-green", "--probes", String(probes));
    expect(beside.exitCode, beside.stderr).toBe(0);
    expect(schemaProblems("rebalance plan", beside.document)).toEqual([]);
    expect(beside.result).toMatchObject({ changes: true, groups: [], backfill: 0, movedFraction: 1, points });
    expect(beside.result.beside).toMatch(/^docs@\d{8}-\d{6}-\w{4}$/);
    const config = JSON.parse(readFileSync(local.config, "utf8"));
    for (const node of config.clusters.local.nodes) node.capacity = { points: 700 };
    writeFileSync(join(local.dir, ".ragctl", "tight.json"), JSON.stringify(config));
    const tight = await run("rebalance", "plan", "--blue-green", "--config", ".ragctl/tight.json");
    expect([tight.exitCode, tight.document.error.code]).toEqual([7, "no-room"]);

    const [writer, reader] = [startWriter(), startReader()];
    const applied = await run("rebalance", "apply", "plan.json", "--yes", "--max-rate", "5000/s");
    const [writes, reads] = [await writer.stop(), await reader.stop()];
    expect(applied.exitCode, applied.stderr).toBe(0);
    expect(applied.result.state).toBe("finished");
    expect([writes.failed, reads.wrong]).toEqual([[], []]);
    expect(writes.written).toBeGreaterThan(20);
    expect(reads.asked).toBeGreaterThan(20);
    await requireNothingLost();

    const { result: simulated }: { result: SimulateResult } = await run(
      "rebalance",
      "simulate",
      "--model",
      "model.json",
      "--queries",
      "q.jsonl",
      "--probes",
      String(probes),
    );
    const predicted = simulated.curve[probes - 1]!;
    const live = await measure();
    expect(Math.abs(live.recall - predicted.recall)).toBeLessThanOrEqual(0.01);
    // Writes went on: the prediction of before is a little older.
    expect(Math.abs(live.recall - expected.recall)).toBeLessThanOrEqual(0.03);
    // One replica: there is no choice of nodes.
    expect(live.nodes).toBeCloseTo(predicted.nodesTouched, 9);
    expect(live.nodes).toBeCloseTo(expected.nodesTouched, 9);
    expect(live.nodes).toBeLessThan(4);
  }, 300_000);

  test("drift: nothing to say at first; a refit pays once other things are stored", async () => {
    // What the model was fitted to: writers have changed some of it, another number of points in each run.
    await store(original);
    const calm = await run("rebalance", "drift", "--model", "model.json", "--queries", "q.jsonl");
    expect(calm.exitCode, calm.stderr + calm.stdout).toBe(0);
    expect(schemaProblems("rebalance drift", calm.document)).toEqual([]);
    expect(calm.result).toMatchObject({ refitPays: false, collection });
    expect(calm.result.moved).toBeLessThan(0.2);
    const wrong = await run("rebalance", "drift", "--model", "sampled.json");
    expect([wrong.exitCode, wrong.document.error.code]).toEqual([2, "model-mismatch"]);

    const other = clusteredVectors({ size: dim, clusters: 6, seed: 99, spread: 0.1 });
    const records = Array.from({ length: points }, (_, n) => ({ key: `new ${n}`, vector: other() }));
    await store(records);
    const drifted = await run("rebalance", "drift", "--model", "model.json", "--queries", "q.jsonl");
    expect(drifted.exitCode, drifted.stdout).toBe(4);
    expect(drifted.result.refitPays).toBe(true);
    expect(drifted.result.moved).toBeGreaterThan(calm.result.moved);
    expect(drifted.result.refit.inertiaPerPoint).toBeLessThan(0.9 * drifted.result.now.inertiaPerPoint);
    const gone = await client.delete(
      collection,
      records.map(({ key }) => key),
      { timeoutMs: 30_000 },
    );
    expect(gone.failed).toEqual([]);
    for (const { key } of records) truth.delete(key);
  }, 200_000);

  test("applied again it says so; another number of probes moves nothing, and one cell can be parted", async () => {
    const again = await run("rebalance", "apply", "plan.json", "--yes");
    expect([again.exitCode, again.document.error.code]).toEqual([7, "plan-applied"]);
    const more = await run("rebalance", "plan", "--probes", "all", "-o", "all.json");
    expect(more.result).toMatchObject({ changes: true, points: 0, groups: [], probes: null });
    expect((await run("rebalance", "apply", "all.json", "--yes")).exitCode).toBe(0);
    // A client's view may lag by its lease.
    await vi.waitFor(async () => expect((await measure()).recall).toBeGreaterThan(0.99), { timeout: 30_000, interval: 500 });

    expect((await run("rebalance", "show", "all.json")).exitCode).toBe(0);
    expect((await run("rebalance", "reverse", "all.json", "-o", "few.json")).exitCode).toBe(0);
    expect((await run("rebalance", "apply", "few.json", "--yes")).exitCode).toBe(0);
    await vi.waitFor(async () => expect((await measure()).recall).toBeLessThan(0.99), { timeout: 30_000, interval: 500 });

    const split = await run("rebalance", "plan", "--split", "0", "--probes", "3", "-o", "split.json");
    expect(split.exitCode, split.stderr).toBe(0);
    expect(split.result.groups.flatMap(({ cells }: { cells: number[] }) => cells)).toHaveLength(13);
    // Only what was in that cell, and what is nearer to one of its halves now, can move.
    expect(split.result.movedFraction).toBeLessThan(0.3);
  }, 200_000);

  test("copies near boundaries: made, found and kept while it is written; nothing else moves meanwhile; given up, nothing is left", async () => {
    const plain = await measure();
    const planned = await run(
      "rebalance",
      "plan",
      "--spill",
      "10%",
      "--spill-ratio",
      "1.5",
      "--queries",
      "q.jsonl",
      "-o",
      "spill.json",
    );
    expect(planned.exitCode, planned.stdout).toBe(0);
    expect(schemaProblems("rebalance plan", planned.document)).toEqual([]);
    const { copies } = planned.result;
    expect(copies).toMatchObject({ keep: true });
    expect(copies.points).toBeGreaterThan(0);
    expect(copies.share).toBeGreaterThan(0.01);
    expect(copies.share).toBeLessThanOrEqual(0.1);
    expect(planned.result.expected.recall).toBeGreaterThan(plain.recall);
    const [writer, reader] = [startWriter(), startReader()];
    const applied = await run("rebalance", "apply", "spill.json", "--yes");
    const [writes, reads] = [await writer.stop(), await reader.stop()];
    expect(applied.exitCode, applied.stderr).toBe(0);
    expect([writes.failed, reads.wrong]).toEqual([[], []]);
    const more = (await requireNothingLost()) - points;
    expect(more).toBeGreaterThan(0.5 * copies.points);
    expect(more).toBeLessThanOrEqual(0.11 * points);

    const now = await run("rebalance", "plan", "--spill", "10%", "--queries", "q.jsonl");
    expect(now.result, now.stdout).toMatchObject({ changes: false });
    const live = await measure();
    expect(Math.abs(live.recall - now.result.expected.recall)).toBeLessThanOrEqual(0.01);
    expect(live.recall).toBeGreaterThan(plain.recall);
    expect(live.nodes).toBeCloseTo(now.result.expected.nodesTouched, 9);
    const ids = Object.keys((await client.table(collection))!.nodes);
    const refused = await run("shard", "plan", "--remove", ids[0]!);
    expect([refused.exitCode, refused.document.error.code], refused.stdout).toEqual([7, "spill-in-the-way"]);

    const off = await run("rebalance", "plan", "--spill", "off", "-o", "off.json");
    expect(off.result.copies, off.stdout).toMatchObject({ keep: false });
    expect((await run("rebalance", "apply", "off.json", "--yes")).exitCode).toBe(0);
    expect((await client.table(collection))!.spill).toBeUndefined();
    expect(await requireNothingLost()).toBe(points);
    // Whoever wants about as many again finds most points stamped.
    const again = await run("rebalance", "plan", "--spill", "11.5%", "--spill-ratio", "1.5", "--queries", "q.jsonl");
    expect(again.result.copies.ratio).toBe(copies.ratio);
  }, 200_000);

  test("one cell parted because it is asked for most: only what changes nodes moves, beside a writer; nodes get the requests that were predicted; and back", async () => {
    await store(original);
    const before = await placed();
    const cells = [...truth.values()].map((each) => before.cellsOf(each, 1)[0]!);
    const counts = Array.from({ length: 12 }, (_, cell) => cells.filter((each) => each === cell).length);
    const hot = counts.indexOf(Math.max(...counts));
    const asked = [...truth.values()].filter((_, at) => cells[at] === hot).slice(0, 40);
    writeFileSync(join(local.dir, "hot.jsonl"), asked.map((each) => `${JSON.stringify({ vector: each })}\n`).join(""));
    await changeAndBack(
      "split",
      ["--split", String(hot), "--probes", "3", "--queries", "hot.jsonl"],
      asked,
      ({ owners, moved }) => {
        // All others stay where they are, unless moving them helps.
        expect(moved).toBeLessThan(0.3);
        expect(owners).toHaveLength(13);
        expect(owners[hot]).not.toEqual(owners[12]);
      },
    );
  }, 300_000);

  test("from one model to another, alike", async () => {
    const fitted = await run("rebalance", "fit", "--shards", "10", "--seed", "5", "-o", "second.json");
    expect(fitted.exitCode, fitted.stderr).toBe(0);
    await changeAndBack("second", ["--model", "second.json", "--probes", "2"], queries, ({ owners }) =>
      expect(owners).toHaveLength(10),
    );
  }, 300_000);

  test("kill -9 in the middle: it is refused without --resume, and finished with it; nothing is lost", async () => {
    const back = await run("rebalance", "reverse", "plan.json", "-o", "back.json");
    expect(back.exitCode, back.stdout).toBe(0);
    const [writer, reader] = [startWriter(), startReader()];
    const { child, ended } = local.start(["rebalance", "apply", "back.json", "--yes", "--max-rate", "200/s"]);
    await new Promise<void>((resolve, reject) => {
      let seen = "";
      child.stderr!.on("data", (chunk) => {
        seen += chunk;
        if (seen.includes("step group-2") || seen.includes("step back-2")) resolve();
      });
      child.once("close", () => reject(new Error(`it ended before it could be killed: ${seen}`)));
    });
    child.kill("SIGKILL");
    await ended;
    const refused = await run("rebalance", "apply", "back.json", "--yes");
    expect([refused.exitCode, refused.document.error.code]).toEqual([7, "plan-half-applied"]);
    const resumed = await run("rebalance", "apply", "back.json", "--yes", "--resume");
    const [writes, reads] = [await writer.stop(), await reader.stop()];
    expect(resumed.exitCode, resumed.stderr).toBe(0);
    expect(resumed.result).toMatchObject({ state: "finished", resumed: true });
    expect([writes.failed, reads.wrong]).toEqual([[], []]);
    expect((await client.table(collection))!.partitioner.kind).toBe("ring");
    await requireNothingLost();
    const { recall, nodes } = await measure();
    expect(recall).toBeGreaterThan(0.99);
    expect(nodes).toBeCloseTo(4, 9);
  }, 300_000);
});
