import { afterEach, describe, expect, it } from "vitest";
import {
  abortNativePlan,
  applyNativePlan,
  checkFresh,
  nativeGovernor,
  observeNative,
  retirePeer,
  reverseNative,
  verifyNative,
} from "../../src/migration/native/index.ts";
import { realClock } from "../../src/runtime.ts";
import type { Plan } from "../../src/sharding/plan/contract.ts";
import { QdrantStandIn, type StandInOptions } from "../helpers/qdrant-cluster.ts";
import { accessOf, accessTo, depsOf, planFor, planOf } from "./native-set-up.ts";

const clusters: QdrantStandIn[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) {
    await cluster.stop();
    expect(cluster.findings, "by Qdrant's own API description").toEqual([]);
  }
});
async function standIn(options: StandInOptions): Promise<QdrantStandIn> {
  const cluster = await QdrantStandIn.start(options);
  clusters.push(cluster);
  return cluster;
}

/** Six shards of two copies on three of the peers. */
const six = [
  [0, 1],
  [1, 2],
  [2, 0],
  [0, 1],
  [1, 2],
  [2, 0],
];

describe("plans carried out", () => {
  it("spreads onto a new peer", async () => {
    const cluster = await standIn({ peers: 4, shards: six, replicationFactor: 2 });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    expect(plan.steps).toHaveLength(3);
    const seen: string[] = [];
    const applied = await applyNativePlan(
      plan,
      depsOf(access, { onProgress: ({ step, points, total }) => seen.push(`${step} ${points}/${total}`) }),
    );
    expect(applied).toEqual({ steps: { total: 3, done: 3 }, points: 3000, bytes: 60_000, skipped: 0, interrupted: false });
    expect(cluster.changes.toSorted()).toEqual(["move 0 1>4", "move 1 2>4", "move 2 3>4"]);
    expect(
      cluster
        .placement()
        .flat()
        .filter((on) => on === "3"),
    ).toHaveLength(3);
    expect(Math.min(...cluster.fewestServing.values())).toBe(2);
    expect(seen).toContain("s1 150/1000");
    expect(await verifyNative(plan, access)).toEqual({
      clean: true,
      checked: 6000,
      missing: 0,
      orphaned: 0,
      different: 0,
      problems: [],
    });
  });

  it("drains a node, takes its peer out, and not before it is empty", async () => {
    const cluster = await standIn({
      peers: 4,
      shards: [
        [0, 3],
        [1, 3],
        [2, 3],
      ],
      replicationFactor: 2,
    });
    const access = accessOf(cluster);
    await expect(retirePeer(access, "q4", 5)).rejects.toMatchObject({ code: "peer-holds-shards", exitCode: 7 });
    const plan = await planFor(access, { remove: ["q4"] });
    await applyNativePlan(plan, depsOf(access, { concurrency: 2 }));
    expect(cluster.placement().flat()).not.toContain("3");
    expect(Math.min(...cluster.fewestServing.values())).toBe(2);
    expect((await verifyNative(plan, access)).clean).toBe(true);
    await retirePeer(access, "q4", 5);
    expect((await observeNative(access)).nodes.find(({ id }) => id === "q4")).toMatchObject({ alive: false });
  });

  it("restores the copies of a node that is lost, and drops what was left of it", async () => {
    const cluster = await standIn({
      peers: 4,
      shards: [
        [0, 3],
        [3, 1],
        [1, 2],
      ],
      replicationFactor: 2,
    });
    const access = accessOf(cluster);
    await cluster.kill(3);
    const observed = await observeNative(access);
    expect(observed.nodes[3], "the only peer left is the only node left").toMatchObject({
      alive: false,
      peerId: cluster.peers[3]!.id,
    });
    const plan = await planFor(access, { remove: ["q4"] });
    await applyNativePlan(plan, depsOf(access));
    expect(cluster.placement().map((on) => on.length)).toEqual([2, 2, 2]);
    expect(
      cluster
        .placement()
        .flat()
        .filter((on) => on.startsWith("3") || on.includes(":")),
    ).toEqual([]);
    expect(await verifyNative(plan, access)).toMatchObject({ clean: true });
  });

  it("and of a peer that the config does not name any more", async () => {
    const cluster = await standIn({
      peers: 4,
      shards: [
        [0, 3],
        [1, 2],
      ],
      replicationFactor: 2,
    });
    const access = accessOf(cluster);
    access.nodes.pop();
    await cluster.kill(3);
    const id = `peer-${cluster.peers[3]!.id}`;
    const { notes } = await observeNative(access);
    expect(notes.join()).toContain(`is no node of the config, so that ragctl cannot ask it: it is called ${id}`);
    await applyNativePlan(await planFor(access, { remove: [id] }), depsOf(access));
    expect(
      cluster
        .placement()
        .flat()
        .filter((on) => on.startsWith("3")),
    ).toEqual([]);
    expect(Math.min(...cluster.placement().map((on) => on.length))).toBe(2);
  });

  it("spreads over zones", async () => {
    const cluster = await standIn({
      peers: 4,
      shards: [
        [0, 1],
        [0, 1],
        [2, 3],
      ],
      replicationFactor: 2,
    });
    const access = accessOf(cluster, ["a", "a", "b", "b"]);
    await applyNativePlan(await planFor(access), depsOf(access));
    for (const on of cluster.placement()) expect(new Set(on.map((at) => (Number(at) < 2 ? "a" : "b"))).size).toBe(2);
  });

  it("goes back, from the end and from half-way", async () => {
    const cluster = await standIn({ peers: 4, shards: six, replicationFactor: 2 });
    const access = accessOf(cluster);
    const start = cluster.placement();
    const plan = await planFor(access);
    const stop = new AbortController();
    const half = await applyNativePlan(plan, depsOf(access, { signal: stop.signal, onProgress: () => stop.abort() }));
    expect(half).toMatchObject({ steps: { total: 3, done: 1 }, interrupted: true });
    expect(await verifyNative(plan, access)).toMatchObject({ clean: false, missing: 2000, orphaned: 2000 });
    await applyNativePlan(planOf(access, await reverseNative(plan, access)), depsOf(access));
    expect(cluster.placement()).toEqual(start);
    await applyNativePlan(plan, depsOf(access));
    await applyNativePlan(planOf(access, await reverseNative(plan, access)), depsOf(access));
    expect(cluster.placement()).toEqual(start);
  });

  it("runs as many transfers at once as it may, and one of a shard", async () => {
    const cluster = await standIn({
      peers: 5,
      shards: Array.from({ length: 8 }, () => [0, 1]),
      replicationFactor: 2,
      pointsPerSec: 100,
    });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    let most = 0;
    const deps = depsOf(access, { concurrency: 3, onProgress: () => (most = Math.max(most, cluster.transfers.length)) });
    await applyNativePlan(plan, deps);
    expect(most).toBe(3);
    expect(await verifyNative(plan, access)).toMatchObject({ clean: true });
  });

  it("is verified without a plan too: copies that are missing, dead, unlike or on their way", async () => {
    const cluster = await standIn({ peers: 3, shards: [[0, 1], [1, 2], [0]], replicationFactor: 2 });
    const access = accessOf(cluster);
    const problems = async () => (await verifyNative(undefined, access)).problems;
    expect(await verifyNative(undefined, access)).toMatchObject({
      clean: false,
      missing: 1000,
      problems: ["shard 2 has 1 copy, and 2 are wanted"],
    });
    await applyNativePlan(await planFor(access), depsOf(access));
    expect(await verifyNative(undefined, access)).toMatchObject({ clean: true, checked: 3000 });
    cluster.setState(0, 1, "Dead");
    expect(await problems()).toEqual(["shard 0 is Dead on q2"]);
    cluster.setState(0, 1, "Active");
    cluster.shards.get(1)!.replicas.get(cluster.peers[2]!.id)!.points = 990;
    expect(await verifyNative(undefined, access)).toMatchObject({
      different: 10,
      problems: ["replicas of shard 1 hold 1,000 and 990 points"],
    });
    cluster.shards.get(1)!.replicas.get(cluster.peers[2]!.id)!.points = 1000;
    cluster.begin(0, 0, 2, true);
    expect(await problems()).toEqual(["shard 0 is Recovery on q3", "shard 0 is in a transfer from q1 to q3"]);
  });

  it.each([0, 1, 2])(
    "where the view of q%i + 1 lags, a replica serves only when all say so, and what the latest says is there",
    async (late) => {
      const cluster = await standIn({ peers: 3, shards: [[0], [1]], replicationFactor: 1 });
      const access = accessOf(cluster);
      cluster.begin(0, 0, 2, true);
      cluster.freeze(late);
      cluster.tick(60_000);
      expect(cluster.placement()[0]).toEqual(["0", "2"]);
      const { shards, transfers } = await observeNative(access);
      expect(shards[0]!.replicas.map(({ node, state }) => `${node} ${state}`)).toEqual(["q1 Active", "q3 Recovery"]);
      expect(transfers).toMatchObject([{ shardId: 0, from: "q1", to: "q3" }]);
    },
  );

  it("before 1.17, sizes are estimated, and said to be", async () => {
    const cluster = await standIn({ peers: 2, shards: [[0], [0]], points: [10, 20], telemetry: false });
    const observed = await observeNative(accessOf(cluster));
    expect(observed).toMatchObject({ sizes: "estimate", shards: [{ bytes: 10 * (16 + 1024) }, { bytes: 20 * (16 + 1024) }] });
  });
});

describe("where a plan stands", () => {
  it("is told from the cluster alone; abort takes back what is in flight, and what that leaves", async () => {
    const cluster = await standIn({ peers: 3, shards: [[0], [0], [1]], pointsPerSec: 50 });
    const access = accessOf(cluster);
    const start = cluster.placement();
    const plan = await planFor(access, { replicas: 2, maxMoves: 2 });
    const standing = async () => checkFresh(plan, await observeNative(access));
    expect(await standing()).toBe("fresh");
    const stop = new AbortController();
    const killed = depsOf(access, { concurrency: 2, hardSignal: stop.signal, onProgress: () => stop.abort(new Error("stop")) });
    await expect(applyNativePlan(plan, killed)).rejects.toThrow("stop");
    expect(await standing()).toBe("begun");
    expect(cluster.transfers.length).toBeGreaterThan(0);
    expect(await abortNativePlan(plan, depsOf(access))).toEqual({ done: 0 });
    expect(cluster.placement()).toEqual(start);
    expect(await standing()).toBe("fresh");
    await applyNativePlan(plan, depsOf(access));
    expect(await standing()).toBe("finished");
    expect(await abortNativePlan(plan, depsOf(access))).toEqual({ done: 2 });
    expect(await applyNativePlan(plan, depsOf(access))).toMatchObject({ steps: { total: 2, done: 2 }, skipped: 2, points: 0 });
  });

  it("holds back while a node is silent, and goes on when it answers; one that is emptied may be silent", async () => {
    const cluster = await standIn({ peers: 3, shards: [[0], [0], [1]] });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    const notes: string[] = [];
    const governorOf = (of: Plan, patienceMs: number) =>
      nativeGovernor({ access, plan: of, objectiveUs: 10_000_000, patienceMs, note: (text) => notes.push(text) });
    await governorOf(plan, 1000).calm(new AbortController().signal);
    expect(notes).toEqual([]);
    await cluster.kill(1, { marked: false });
    await expect(governorOf(plan, 1000).calm(new AbortController().signal)).rejects.toMatchObject({
      code: "cluster-degraded",
      exitCode: 5,
    });
    expect(notes).toEqual(["paused: node q2 does not answer"]);
    let probes = 0;
    access.clock = {
      ...access.clock,
      sleep: async (ms, signal) => {
        if (probes++ === 3) await cluster.revive(1);
        await cluster.clock.sleep(ms, signal);
      },
    };
    await governorOf(plan, 60_000).calm(new AbortController().signal);
    expect(notes.at(-1)).toContain("goes on after");
    const drain = await planFor(access, { remove: ["q2"] });
    await cluster.kill(1, { marked: false });
    await governorOf(drain, 1000).calm(new AbortController().signal);
  });
});

describe("things that go wrong", () => {
  it("a transfer that stands still is aborted, and done another way", async () => {
    const cluster = await standIn({ peers: 2, shards: [[0], [0]] });
    cluster.fate = (_, n) => (n === 0 ? "stuck" : "good");
    const access = accessOf(cluster);
    const notes: string[] = [];
    const plan = await planFor(access);
    await applyNativePlan(plan, depsOf(access, { note: (text) => notes.push(text) }));
    expect(cluster.changes).toEqual(["move 0 1>2", "abort 0 1>2", "move 0 1>2 stream_records"]);
    expect(notes.join()).toContain("from q1 to q2 (snapshot) stands still");
    expect(await verifyNative(plan, access)).toMatchObject({ clean: true });
  });

  it("one that is slow is left alone", async () => {
    const cluster = await standIn({ peers: 2, shards: [[0], [0]], points: [20_000, 20_000] });
    cluster.fate = () => "slow";
    const access = accessOf(cluster);
    await applyNativePlan(await planFor(access), depsOf(access));
    expect(cluster.changes).toEqual(["move 0 1>2"]);
  });

  it("one that fails is begun again, by turns with both methods, and not for ever", async () => {
    const cluster = await standIn({ peers: 2, shards: [[0]] });
    cluster.fate = () => "fails";
    const access = accessOf(cluster);
    const plan = await planFor(access, { replicas: 2 });
    await expect(applyNativePlan(plan, depsOf(access))).rejects.toMatchObject({
      code: "shard-change-failed",
      exitCode: 5,
      message: expect.stringContaining("shard 0 could not be copied from q1 to q2 in 3 attempts") as string,
    });
    expect(cluster.changes).toEqual(["replicate 0 1>2", "replicate 0 1>2 stream_records", "replicate 0 1>2 snapshot"]);
    expect(cluster.placement()).toEqual([["0", "1:Dead"]]);
    cluster.fate = () => "good";
    await applyNativePlan(plan, depsOf(access));
    expect(cluster.placement()).toEqual([["0", "1"]]);
  });

  it("what the store itself recovers is followed, not begun again", async () => {
    const cluster = await standIn({ peers: 2, shards: [[0]], recovers: true });
    cluster.fate = (_, n) => (n === 0 ? "fails" : "good");
    const access = accessOf(cluster);
    await applyNativePlan(await planFor(access, { replicas: 2 }), depsOf(access));
    expect(cluster.changes).toEqual(["replicate 0 1>2"]);
    expect(cluster.placement()).toEqual([["0", "1"]]);
  });

  it.each([
    ["late", ["move 0 1>2"]],
    ["lost", ["move 0 1>2"]],
    ["refused", ["move 0 1>2 stream_records"]],
  ] as const)("a change whose answer is %s happens once", async (reply, changes) => {
    const cluster = await standIn({ peers: 3, shards: [[0], [0], [2]] });
    cluster.reply = (n) => (n === 0 ? reply : "good");
    const access = accessOf(cluster);
    const plan = await planFor(access);
    await applyNativePlan(plan, depsOf(access));
    expect(cluster.changes.map((change) => change.replace(reply === "lost" ? / stream_records/ : "", ""))).toEqual(changes);
    expect(await verifyNative(plan, access)).toMatchObject({ clean: true });
  });

  it.each(["late", "lost"] as const)("a drop whose answer is %s happens once", async (reply) => {
    const cluster = await standIn({ peers: 2, shards: [[0, 1]], replicationFactor: 2 });
    cluster.reply = (n) => (n === 0 ? reply : "good");
    const access = accessOf(cluster);
    await applyNativePlan(await planFor(access, { replicas: 1 }), depsOf(access));
    expect(cluster.changes).toEqual(["drop 0 2"]);
    expect(cluster.placement()).toEqual([["0"]]);
  });

  it("never begins without a quorum, and goes on when it is back", async () => {
    const cluster = await standIn({ peers: 3, shards: [[0], [0]] });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    cluster.consensus = false;
    await expect(applyNativePlan(plan, depsOf(access))).rejects.toMatchObject({
      code: "no-quorum",
      exitCode: 7,
      message: expect.stringContaining("no leader") as string,
    });
    cluster.consensus = true;
    await cluster.kill(1, { marked: false });
    await cluster.kill(2, { marked: false });
    await expect(applyNativePlan(plan, depsOf(access))).rejects.toMatchObject({
      code: expect.stringMatching(/no-quorum|node-unreachable/) as string,
      exitCode: 7,
    });
    expect(cluster.changes).toEqual([]);
    await cluster.revive(1);
    await cluster.revive(2);
    await applyNativePlan(plan, depsOf(access));
    expect(cluster.changes).toHaveLength(1);
  });

  it("a quorum that is away for a moment is waited for", async () => {
    const cluster = await standIn({ peers: 3, shards: [[0], [0]] });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    cluster.consensus = false;
    const backAtMs = cluster.clock.nowMs() + 10_000;
    access.clock = {
      ...access.clock,
      sleep: async (ms, signal) => {
        await cluster.clock.sleep(ms, signal);
        if (cluster.clock.nowMs() >= backAtMs) cluster.consensus = true;
      },
    };
    await applyNativePlan(plan, depsOf(access));
    expect(cluster.changes).toHaveLength(1);
  });

  it("never drops the last active replica, nor more than the plan counts on", async () => {
    const cluster = await standIn({
      peers: 3,
      shards: [
        [0, 1],
        [0, 1, 2],
      ],
      replicationFactor: 2,
    });
    const access = accessOf(cluster);
    const plan = await planFor(access, { replicas: 1 });
    const dropped = plan.steps.map((step) => ("shardId" in step ? [step.shardId, Number(step.from.slice(1)) - 1] : []));
    // The one that was to stay is dead now.
    const stays = 1 - dropped.find(([shard]) => shard === 0)![1]!;
    cluster.setState(0, stays, "Dead");
    await expect(applyNativePlan(plan, depsOf(access))).rejects.toMatchObject({ code: "last-replica", exitCode: 7 });
    cluster.setState(0, stays, "Active");
    const moved = await planFor(access, { remove: ["q1"], replicas: 2 });
    cluster.setState(1, 1, "Recovery");
    await expect(applyNativePlan(moved, depsOf(access))).rejects.toMatchObject({ code: "too-few-copies", exitCode: 7 });
    expect(Math.min(...cluster.fewestServing.values())).toBeGreaterThanOrEqual(1);
  });

  it("a source that is not active is not copied from; a source that is again, is", async () => {
    const cluster = await standIn({ peers: 2, shards: [[0], [0]] });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    cluster.setState(0, 0, "Partial");
    await expect(applyNativePlan(plan, depsOf(access))).rejects.toMatchObject({
      code: "source-not-active",
      exitCode: 7,
      message: expect.stringContaining("shard 0 is Partial on q1") as string,
    });
    cluster.setState(0, 0, "Active");
    await applyNativePlan(plan, depsOf(access));
    expect(cluster.placement()).toEqual([["1"], ["0"]]);
  });

  it("waits for somebody else's transfer of the shard, and not for one that does not get on", async () => {
    const cluster = await standIn({ peers: 3, shards: [[0], [0], [2]], points: [5000, 5000, 5000] });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    cluster.begin(1, 0, 2, true);
    await applyNativePlan(plan, depsOf(access)).catch((error: unknown) => expect(error).toMatchObject({ code: "plan-stale" }));
    expect(cluster.changes).toEqual([]);
    const other = await standIn({ peers: 3, shards: [[0, 1], [0]], replicationFactor: 1 });
    const theirs = accessOf(other);
    const drop = await planFor(theirs, { replicas: 1, maxMoves: 0 });
    const at = drop.steps.map((step) => step.kind);
    expect(at).toEqual(["drop-replica"]);
    other.fate = () => "stuck";
    const begin = { done: false };
    const deps = depsOf(theirs, {
      governor: {
        calm: async () => {
          if (!begin.done) other.begin(1, 0, 2, true);
          begin.done = true;
        },
      },
    });
    await expect(applyNativePlan(drop, deps)).rejects.toMatchObject({ code: "shard-busy", exitCode: 7 });
    expect(other.changes).toEqual([]);
  });

  it("a target that dies in mid-copy: a sentence, nothing lost, and resumed when it is back", async () => {
    const cluster = await standIn({
      peers: 4,
      shards: [
        [0, 1],
        [0, 1],
        [0, 1],
        [0, 1],
      ],
      replicationFactor: 2,
      points: [9000, 9000, 9000, 9000],
    });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    const first = plan.steps[0]! as { to: string };
    let dead = false;
    const deps = depsOf(access, {
      onProgress: () => {
        if (dead) return;
        dead = true;
        void cluster.kill(Number(first.to.slice(1)) - 1, { marked: false });
      },
    });
    await expect(applyNativePlan(plan, deps)).rejects.toMatchObject({
      code: "node-unreachable",
      exitCode: 7,
      message: expect.stringContaining(`${first.to} does not answer`) as string,
    });
    expect(Math.min(...cluster.fewestServing.values())).toBe(2);
    await cluster.revive(Number(first.to.slice(1)) - 1);
    await applyNativePlan(plan, depsOf(access));
    expect(await verifyNative(plan, access)).toMatchObject({ clean: true });
  });

  it("a plan for another cluster, or for shards that somebody moved, is refused before anything is done", async () => {
    const cluster = await standIn({ peers: 3, shards: [[0], [0], [1]] });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    const heavier = accessOf(cluster);
    heavier.nodes[0]!.weight = 2;
    await expect(applyNativePlan(plan, depsOf(heavier))).rejects.toMatchObject({
      code: "plan-stale",
      exitCode: 7,
      message: expect.stringContaining("weights or zones") as string,
    });
    const fewer = accessOf(cluster);
    fewer.nodes.pop();
    await expect(applyNativePlan(plan, depsOf(fewer))).rejects.toMatchObject({
      code: "plan-stale",
      message: expect.stringContaining("made for q1, q2, q3") as string,
    });
    const swapped = accessTo(
      [1, 0, 2].map((at) => cluster.peers[at]!.url),
      { clock: cluster.clock, collection: "docs" },
    );
    await expect(applyNativePlan(plan, depsOf(swapped))).rejects.toMatchObject({
      code: "plan-stale",
      message: expect.stringContaining("q1, q2 are other peers now") as string,
    });
    cluster.begin(2, 1, 0, false);
    cluster.tick(10_000);
    await expect(applyNativePlan(plan, depsOf(access))).rejects.toMatchObject({
      code: "plan-stale",
      message: expect.stringContaining("shard 2 is where the plan neither") as string,
    });
    expect(cluster.changes).toEqual([]);
  });

  it("resharding, an unknown collection, the cluster mode off, and nobody there", async () => {
    const cluster = await standIn({ peers: 2, shards: [[0], [0]] });
    const access = accessOf(cluster);
    cluster.resharding = true;
    await expect(planFor(access)).rejects.toMatchObject({ code: "resharding", exitCode: 7 });
    await expect(observeNative({ ...access, collection: "nope" })).rejects.toMatchObject({
      code: "collection-unknown",
      exitCode: 2,
    });
    await cluster.kill(0);
    await cluster.kill(1);
    await expect(observeNative(access)).rejects.toMatchObject({ code: "node-unreachable", exitCode: 3 });
  });

  it("a lock that is lost ends it before the next change", async () => {
    const cluster = await standIn({ peers: 2, shards: [[0], [0], [0], [0]] });
    const access = accessOf(cluster);
    const plan = await planFor(access);
    let asked = 0;
    const fence = {
      ensure: () => {
        if (asked++ > 0) throw Object.assign(new Error("the lock is somebody else's"), { exitCode: 7 });
      },
      leaveUnclean: () => {},
    };
    await expect(applyNativePlan(plan, depsOf(access, { fence }))).rejects.toMatchObject({ exitCode: 7 });
    expect(cluster.changes).toHaveLength(1);
  });
});

// The same life cycle on the stand-in and on a real cluster of three: RAGCTL_TEST_QDRANT_CLUSTER=http://a:6333,http://b:6333,http://c:6333.
const realUrls = (process.env["RAGCTL_TEST_QDRANT_CLUSTER"] ?? "").split(",").filter(Boolean);
const apiKey = process.env["RAGCTL_TEST_QDRANT_API_KEY"];
describe.each([["the stand-in", false] as const, ["a real cluster", true] as const])("a life cycle on %s", (_name, real) => {
  it.skipIf(real && realUrls.length < 3)(
    `drain, spread, more copies, fewer copies, back${real && realUrls.length < 3 ? " (skipped: RAGCTL_TEST_QDRANT_CLUSTER lists no three URLs)" : ""}`,
    async () => {
      const collection = real ? `ragctl-native-${process.pid}` : "docs";
      const cluster = real ? undefined : await standIn({ peers: 3, shards: [[0], [1], [2], [0], [1], [2]] });
      const urls = cluster ? cluster.peers.map(({ url }) => url) : realUrls;
      const access = accessTo(urls, {
        clock: cluster?.clock ?? realClock,
        collection,
        ...(real && apiKey !== undefined && { apiKey }),
      });
      const call = async (method: string, path: string, body?: unknown) => {
        const response = await fetch(`${urls[0]}${path}`, {
          method,
          headers: { "content-type": "application/json", ...(apiKey !== undefined && { "api-key": apiKey }) },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      };
      if (real) {
        await call("PUT", `/collections/${collection}`, {
          vectors: { size: 4, distance: "Cosine" },
          shard_number: 6,
          replication_factor: 1,
        });
        const points = Array.from({ length: 600 }, (_, id) => ({ id, vector: [id % 7, id % 5, id % 3, 1] }));
        await call("PUT", `/collections/${collection}/points?wait=true`, { points });
      }
      try {
        const run = async (goal: Parameters<typeof planFor>[1]) => {
          const plan = await planFor(access, goal);
          await applyNativePlan(plan, depsOf(access, { concurrency: 2 }));
          expect(await verifyNative(plan, access), JSON.stringify(goal)).toMatchObject({ clean: true });
          return plan;
        };
        const counts = async () => {
          const { shards } = await observeNative(access);
          return ["q1", "q2", "q3"].map((id) => shards.filter(({ replicas }) => replicas.some(({ node }) => node === id)).length);
        };
        await run({});
        await run({ remove: ["q3"] });
        expect(await counts()).toEqual([3, 3, 0]);
        const spread = await run({});
        expect(await counts()).toEqual([2, 2, 2]);
        await run({ replicas: 2 });
        expect(await counts()).toEqual([4, 4, 4]);
        await run({ replicas: 1 });
        expect((await counts()).reduce((a, b) => a + b)).toBe(6);
        expect(spread.steps).toHaveLength(2);
      } finally {
        if (real) await call("DELETE", `/collections/${collection}`);
      }
    },
    600_000,
  );
});
