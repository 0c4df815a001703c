import { afterAll, beforeAll, expect, test } from "vitest";
import { noRoom, startFullNode, type FullNode } from "../helpers/full-node.ts";
import { startShardCluster, type ShardCluster } from "./shard-set-up.ts";

const points = 3_000;
/** Upserts that n4 has room for: all pages of the first step, and one of the second. */
const room = 4;
let cluster: ShardCluster;
let n4: FullNode;

beforeAll(async () => {
  n4 = await startFullNode();
  cluster = await startShardCluster({
    nodes: 3,
    replicas: 2,
    points,
    change(config) {
      const node = (config["nodes"] as { id: string; url: string }[]).find(({ id }) => id === "n4");
      if (!node) return;
      n4.upstream = node.url;
      node.url = n4.url;
    },
  });
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
  await n4?.stop();
}, 60_000);

const shard = (...args: string[]) => cluster.cli(["shard", ...args, "--json"]);

async function succeeds(...args: string[]): Promise<any> {
  const run = await shard(...args);
  expect(run.exitCode, `${args.join(" ")}: ${run.stdout}${run.stderr}`).toBe(0);
  return run.json().result;
}

async function stopsFull(how: keyof typeof noRoom, ...args: string[]): Promise<void> {
  const run = await shard("apply", ...args);
  expect(run.exitCode, run.stdout + run.stderr).toBe(5);
  const { code, message, hint } = run.json().error;
  expect(code).toBe("node-full");
  expect(message).toContain("half done");
  expect(message).toContain(`There is no room left on node n4: ${noRoom[how].error}`);
  expect(hint).toMatch(/Make room .*--resume .*--abort .*reverse/);
}

async function verifyClean(): Promise<any> {
  const result = await succeeds("verify");
  expect(result).toMatchObject({ clean: true, missing: 0, orphaned: 0, different: 0, checked: points });
  return Object.fromEntries(result.nodes.map((node: { id: string; points: number }) => [node.id, node.points]));
}

test(
  "the target's quota is used up in mid-copy: exit 5 at once; with room again --resume finishes it",
  { timeout: 120_000 },
  async () => {
    await succeeds("plan", "-o", "plan.json");
    n4.fillAfter(room, "quota");
    await stopsFull("quota", "plan.json", "--yes");
    expect([n4.passed, n4.refused]).toEqual([room, 1]);
    // Still no room: the same sentence again, and nothing is lost by having tried.
    await stopsFull("quota", "plan.json", "--resume");
    n4.makeRoom();
    expect(await succeeds("apply", "plan.json", "--resume")).toMatchObject({ state: "finished", resumed: true });
    expect((await verifyClean()).n4).toBeGreaterThan(points / 4);
  },
);

test(
  "its disk fills up, for deletes as well: --abort says that verify --repair deletes what is left",
  { timeout: 120_000 },
  async () => {
    await succeeds("reverse", "plan.json", "-o", "back.json");
    await succeeds("apply", "back.json", "--yes");
    await succeeds("plan", "--add", "n4", "-o", "again.json");
    n4.fillAfter(room, "disk");
    await stopsFull("disk", "again.json", "--yes");
    const unclean = await shard("apply", "again.json", "--abort");
    expect(unclean.exitCode, unclean.stdout).toBe(5);
    expect(unclean.json().error.hint).toMatch(/Make room .*shard verify --repair/);
    n4.makeRoom();
    const { clean, repaired } = await succeeds("verify", "--repair");
    expect([clean, repaired.copied]).toEqual([true, 0]);
    expect(repaired.deleted).toBeGreaterThan(0);
  },
);

test("full in a resumed plan: --abort, and reverse for what was cut over, while it is full", { timeout: 120_000 }, async () => {
  n4.fillAfter(1, "quota");
  await stopsFull("quota", "again.json", "--resume");
  const aborted = await succeeds("apply", "again.json", "--abort");
  expect(aborted).toMatchObject({ state: "aborted", steps: { done: 1 } });
  expect((await verifyClean()).n4).toBeGreaterThan(0);
  await succeeds("reverse", "again.json", "-o", "undo.json");
  await succeeds("apply", "undo.json", "--yes");
  expect((await verifyClean()).n4 ?? 0).toBe(0);
});
