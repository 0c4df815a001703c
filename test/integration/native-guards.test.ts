import { expect, onTestFinished, test } from "vitest";
import { resolveCluster } from "../../src/config/resolve.ts";
import { blastRadius } from "../../src/faults/guard/index.ts";
import { fakeRuntime } from "../helpers/fake-runtime.ts";
import { QdrantStandIn } from "../helpers/qdrant-cluster.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** Three peers, two replicas of each of three shards; and what guards make of taking nodes away, by asking the peers themselves. */
async function threePeers() {
  const cluster = await QdrantStandIn.start({
    peers: 3,
    shards: [
      [0, 1],
      [1, 2],
      [0, 2],
    ],
    replicationFactor: 2,
  });
  onTestFinished(async () => {
    await cluster.stop();
    expect(cluster.findings).toEqual([]);
  });
  const nodes = cluster.peers.map(({ url }, at) => ({ id: `q${at + 1}`, url }));
  const config = {
    clusters: { prod: { topology: "native", store: { driver: "qdrant", collection: "docs" }, nodes } },
    default: "prod",
  };
  const cwd = tempDir({ "ragctl.config.json": JSON.stringify(config) });
  const runtime = fakeRuntime({ cwd });
  const native = await resolveCluster(runtime, { config: undefined, cluster: undefined });
  const take = async (nodes: string[], allowDegraded = false) =>
    await blastRadius({ cluster: native, fault: "kill-node", impact: "silences", nodes, allowDegraded }, { runtime });
  const codes = async (...given: Parameters<typeof take>) => (await take(...given)).refusals.map(({ code }) => code);
  return { cluster, take, codes };
}

test("a native cluster that is whole: one node may go; shards, reads and consensus are told", async () => {
  const { take } = await threePeers();
  expect(await take(["q1"])).toMatchObject({
    topology: "native",
    down: [],
    consensus: { peers: 3, left: 2, needed: 2 },
    collections: [
      {
        collection: "docs",
        needed: 1,
        affected: { share: 2 / 3, shards: [0, 2] },
        unserved: { share: 0 },
        queries: { asking: 1, failing: 0 },
      },
    ],
    refusals: [],
  });
});

test("two nodes: shards without a replica by number, no consensus, too many, all at once", async () => {
  const { take } = await threePeers();
  const { refusals } = await take(["q1", "q2"]);
  expect(refusals.map(({ code }) => code)).toEqual(["last-replica", "consensus-lost", "max-blast"]);
  expect(refusals[0]!.message).toBe("without q1 and q2, shard 0 of docs would have no active replica");
});

test("a dead replica makes the other one the last; a degraded cluster may be hurt further, where that is said, but not that", async () => {
  const { cluster, take, codes } = await threePeers();
  cluster.setState(0, 1, "Dead");
  expect(await codes(["q1"])).toEqual(["last-replica", "cluster-degraded"]);
  expect(await codes(["q1"], true)).toEqual(["last-replica"]);
  expect((await take(["q2"])).refusals.map(({ message }) => message)).toEqual([
    "cluster prod is not whole: shard 0 of docs is Dead on q2",
  ]);
  expect(await codes(["q2"], true)).toEqual([]);
});

test("a peer that does not answer: it is down, and another one less is no consensus", async () => {
  const { cluster, take, codes } = await threePeers();
  await cluster.kill(2);
  const { down, refusals } = await take(["q1"]);
  expect(down).toEqual(["q3"]);
  expect(refusals.map(({ code }) => code)).toEqual(["last-replica", "consensus-lost", "cluster-degraded"]);
  expect(await codes(["q3"], true)).toEqual([]);
});
