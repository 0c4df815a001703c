import { afterEach, expect, it } from "vitest";
import { runCli } from "../helpers/fake-runtime.ts";
import { QdrantStandIn, type StandInOptions } from "../helpers/qdrant-cluster.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** The commands on a native cluster, against the stand-in, whose time runs by itself here. */

let cluster: QdrantStandIn;
afterEach(async () => {
  await cluster.stop();
  expect(cluster.findings, "by Qdrant's own API description").toEqual([]);
});

async function setUp(options: StandInOptions, more: object = {}) {
  cluster = await QdrantStandIn.start(options);
  cluster.runFree();
  const nodes = cluster.peers.map(({ url }, at) => ({ id: `q${at + 1}`, url }));
  const prod = { topology: "native", store: { driver: "qdrant", collection: "docs" }, nodes, ...more };
  const cwd = tempDir({ "ragctl.config.json": JSON.stringify({ clusters: { prod }, default: "prod" }) });
  return (...argv: string[]) => runCli([...argv, "--json"], { cwd });
}

it("plan, apply, verify, reverse", async () => {
  const ragctl = await setUp({ peers: 3, shards: [[0], [0], [1], [1], [0], [1]] });
  const start = cluster.placement();
  const planned = await ragctl("shard", "plan", "-o", "plan.json", "--detailed-exitcode");
  expect(planned.exitCode).toBe(10);
  expect(planned.json().result).toMatchObject({
    topology: "native",
    movedFraction: 2 / 6,
    minimumFraction: 2 / 6,
    moves: [
      { kind: "move-shard", to: "q3", copiesDuring: 1 },
      { kind: "move-shard", to: "q3" },
    ],
    file: "plan.json",
  });
  const applied = await ragctl("shard", "apply", "plan.json", "--yes");
  expect(applied.json()).toMatchObject({
    ok: true,
    result: { topology: "native", state: "finished", steps: { total: 2, done: 2 }, points: 2000 },
  });
  expect((await ragctl("shard", "verify", "--plan", "plan.json")).json()).toMatchObject({
    exitCode: 0,
    result: { clean: true, checked: 6000 },
  });
  expect((await ragctl("shard", "verify")).json()).toMatchObject({ exitCode: 0, result: { clean: true, checked: 6000 } });
  expect((await ragctl("shard", "apply", "plan.json", "--yes")).json().error).toMatchObject({ code: "plan-applied" });
  expect((await ragctl("shard", "apply", "plan.json", "--resume")).json().result).toMatchObject({
    steps: { done: 2 },
    points: 0,
  });
  expect((await ragctl("shard", "status")).json().result.native).toMatchObject({ quorum: true, leader: "q1", transfers: [] });
  expect((await ragctl("shard", "plan")).json().result).toMatchObject({ changes: false, balanced: { after: true } });
  const reversed = await ragctl("shard", "reverse", "plan.json", "-o", "back.json");
  expect(reversed.json().result).toMatchObject({ steps: 2 });
  expect((await ragctl("shard", "apply", "back.json", "--yes")).exitCode).toBe(0);
  expect(cluster.placement()).toEqual(start);
});

it("a plan half done wants --resume or --abort", async () => {
  const ragctl = await setUp({ peers: 2, shards: [[0], [0], [0], [0]] });
  await ragctl("shard", "plan", "-o", "plan.json");
  // What a process that was killed after its first request leaves.
  cluster.fate = () => "stuck";
  cluster.begin(0, 0, 1, false);
  const again = await ragctl("shard", "apply", "plan.json", "--yes");
  expect(again.json()).toMatchObject({ exitCode: 7, error: { code: "plan-half-applied" } });
  const aborted = await ragctl("shard", "apply", "plan.json", "--abort", "--yes");
  expect(aborted.json()).toMatchObject({ exitCode: 0, result: { state: "aborted", steps: { total: 2, done: 0 } } });
  expect(cluster.placement()).toEqual([["0"], ["0"], ["0"], ["0"]]);
  cluster.fate = () => "good";
  expect((await ragctl("shard", "apply", "plan.json", "--yes")).json().result).toMatchObject({
    state: "finished",
    steps: { done: 2 },
  });
});

it("refuses what is stale, for another cluster, or without a quorum: exit 7 and a sentence", async () => {
  const ragctl = await setUp({ peers: 3, shards: [[0], [0], [1]] });
  await ragctl("shard", "plan", "-o", "plan.json");
  cluster.begin(2, 1, 2, false);
  await expect.poll(() => cluster.transfers.length, { timeout: 20_000 }).toBe(0);
  const stale = await ragctl("shard", "apply", "plan.json", "--yes");
  expect(stale.exitCode).toBe(7);
  expect(stale.json().error).toMatchObject({ code: "plan-stale" });
  await ragctl("shard", "plan", "--remove", "q3", "-o", "drain.json");
  cluster.consensus = false;
  const refused = await ragctl("shard", "apply", "drain.json", "--yes", "--max-pause", "300ms");
  expect(refused.exitCode).toBe(7);
  expect(refused.json().error).toMatchObject({ code: "no-quorum", message: expect.stringContaining("no leader") as string });
  expect(cluster.changes).toEqual([]);
});
