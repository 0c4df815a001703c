import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectCluster, openClusterState } from "../../src/cluster/index.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import type { RoutingTable } from "../../src/sharding/index.ts";
import type { Plan } from "../../src/sharding/plan/contract.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { startNode, type TestNode } from "../helpers/node.ts";
import { clusteredVectors } from "../helpers/vectors.ts";

const points = 1500;
let cwd: string;
let nodes: TestNode[];

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), "ragctl-test-"));
  nodes = await Promise.all([startNode(), startNode(), startNode(), startNode()]);
  const of = (id: string, index: number) => ({ id, url: nodes[index]!.url });
  const cluster = (count: number) => ({
    topology: "routed",
    store: { driver: "qdrant", collection: "docs" },
    nodes: ["n1", "n2", "n3", "n4"].slice(0, count).map(of),
    routing: { replicas: 2 },
    state: { driver: "sqlite", path: "state.sqlite" },
  });
  writeFileSync(
    join(cwd, "ragctl.config.json"),
    JSON.stringify({ clusters: { three: cluster(3), four: cluster(4) }, default: "three" }),
  );
  const config = await resolveCluster(fakeRuntime({ cwd }), { config: undefined, cluster: "three" });
  const client = await connectCluster(config, { clock: realClock, rng: seededRng(5), purpose: "test", cwd });
  await client.ensureCollection("docs", { size: 8, distance: "Cosine" });
  const vector = clusteredVectors({ size: 8, clusters: 5, seed: 3 });
  const records = Array.from({ length: points }, (_, i) => ({
    key: `doc ${i}`,
    vector: vector(),
    payload: { text: "x".repeat(100) },
  }));
  for (let at = 0; at < points; at += 500) {
    const { failed } = await client.upsert("docs", records.slice(at, at + 500));
    expect(failed).toEqual([]);
  }
  await client.close();
}, 60_000);
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.kill().catch(() => undefined)));
  rmSync(cwd, { recursive: true, force: true });
});

const shard = (...args: string[]) => runCli(["shard", ...args], { cwd });

async function changeTable(change: (table: RoutingTable) => RoutingTable): Promise<void> {
  const config = await resolveCluster(fakeRuntime({ cwd }), { config: undefined, cluster: "three" });
  const state = await openClusterState(config, { clock: realClock, cwd });
  const table = (await state.getTable("docs"))!;
  expect(await state.compareAndSet({ ...change(table), epoch: table.epoch + 1 })).toBe(true);
  await state.close();
}

describe("on a live cluster", () => {
  test("told nothing: balanced, by counts of the nodes", async () => {
    const run = await shard("plan", "--json", "--detailed-exitcode");
    expect(run.exitCode).toBe(0);
    const document = run.json();
    expect(schemaProblems("shard plan", document)).toEqual([]);
    const { result } = document;
    expect(result).toMatchObject({ cluster: "three", collection: "docs", changes: false, balanced: { after: true } });
    expect(result.before.nodes.reduce((sum: number, node: { points: number }) => sum + node.points, 0)).toBe(2 * points);
    // Vector, and what the payload is with the fields that ragctl stamps.
    const { bytes, points: held } = result.before.nodes[0];
    expect(bytes / held).toBeGreaterThan(32 + 100);
    expect(bytes / held).toBeLessThan(32 + 400);
    expect(result.notes.join()).toContain("bytes are an estimate");
  });

  test("--add of a node that the config knows, or with its URL; one that nobody knows is refused", async () => {
    const { result } = (await shard("plan", "--cluster", "four", "--add", "n4", "-o", "plan.json", "--json")).json();
    expect(result).toMatchObject({ added: ["n4"], file: "plan.json", changes: true });
    const plan = JSON.parse(readFileSync(join(cwd, "plan.json"), "utf8")) as Plan;
    expect(plan.steps.at(-1)).toMatchObject({ kind: "settle", layout: { nodes: { n4: { url: nodes[3]!.url, weight: 1 } } } });
    const routed = (await shard("route", "--ids-from", "-", "--json")).json();
    expect(routed.result.routes).toEqual([]);
    expect((await shard("plan", "--add", `n4=${nodes[3]!.url}`, "--json")).json().result.movedFraction).toBe(
      result.movedFraction,
    );
    const unknown = await shard("plan", "--add", "n9");
    expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("the config does not know n9") });
  });

  test("heat from the nodes' own counters", async () => {
    const { result } = (await shard("plan", "--balance", "heat", "--heat-window", "20ms", "--json")).json();
    expect(result.notes.join()).toMatch(/heat is/);
  });

  test("route says what the table says, status shows it", async () => {
    const { result } = (await shard("route", "doc 1", "doc 2", "--json")).json();
    expect(result.source).toBe("table of docs, epoch 1");
    for (const { primary, replicas } of result.routes) {
      expect(replicas).toHaveLength(2);
      expect(replicas[0]).toBe(primary);
    }
    const document = (await shard("status", "--json")).json();
    expect(schemaProblems("shard status", document)).toEqual([]);
    const [table] = document.result.tables;
    expect(table).toMatchObject({ collection: "docs", epoch: 1, replicas: 2, moves: [], unservedShare: 0 });
    expect(table.nodes.reduce((sum: number, node: { share: number }) => sum + node.share, 0)).toBeCloseTo(1, 9);
    const human = await shard("status");
    expect(human.stdout).toMatch(/docs · epoch 1 · 2 replicas · ring of 150/);
    expect(human.stdout).toMatch(/^n1 +serving +- +1 +█/m);
  });

  test("a joining node is taken in, a leaving one emptied; moves in flight are refused, and shown", async () => {
    await changeTable((table) => ({
      ...table,
      nodes: { ...table.nodes, n4: { url: nodes[3]!.url, weight: 1, state: "joining" } },
    }));
    const taken = (await shard("plan", "--json")).json();
    expect(taken.result).toMatchObject({ added: ["n4"], removed: [] });
    expect(taken.next[0]).toBe("ragctl shard plan --json -o plan.json");
    await changeTable((table) => ({ ...table, nodes: { ...table.nodes, n1: { ...table.nodes["n1"]!, state: "leaving" } } }));
    expect((await shard("plan", "--json")).json().result).toMatchObject({ added: ["n4"], removed: ["n1"] });
    const status = await shard("status");
    expect(status.stdout).toMatch(/^n4 +joining .* 0$/m);
    expect(status.stderr).toContain("next: ragctl shard plan --collection docs -o plan.json");

    const move = {
      id: "m1",
      from: "n1",
      to: "n4",
      selector: { kind: "ranges" as const, ranges: [[0, 2 ** 30]] as [number, number][] },
    };
    await changeTable((table) => ({ ...table, moves: [{ ...move, phase: "announced", pause: 0 }] }));
    expect(await shard("plan")).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining("1 move of an earlier plan is in"),
    });
    expect((await shard("status")).stdout).toMatch(/^m1 +announced +n1 +n4 +25.0 %$/m);
    await changeTable((table) => ({
      ...table,
      moves: [],
      nodes: { n1: { ...table.nodes["n1"]!, state: "serving" }, n2: table.nodes["n2"]!, n3: table.nodes["n3"]! },
    }));
  });

  test("a collection without a table, and a cluster without state, are refused with what would help", async () => {
    const run = await shard("plan", "--collection", "other", "--json");
    expect(run.exitCode).toBe(2);
    expect(run.json().error).toMatchObject({
      code: "no-table",
      hint: expect.stringContaining("ragctl shard adopt --collection other"),
    });
  });

  test("a dead node: its points are copied from the others, and it is no source", async () => {
    await nodes[1]!.kill();
    const kept = (await shard("plan", "--json")).json().result;
    expect(kept.changes).toBe(false);
    expect(kept.notes.join()).toContain("n2 does not answer");
    const run = await shard("plan", "--cluster", "four", "--remove", "n2", "--add", "n4", "--json");
    const { result } = run.json();
    expect(run.exitCode).toBe(0);
    expect(result.moves.every(({ from, to }: { from: string; to: string }) => from !== "n2" && to !== "n2")).toBe(true);
    const rebuilt = result.moves.filter(({ kind }: { kind: string }) => kind === "rebuild");
    expect(rebuilt.length).toBeGreaterThan(0);
    expect(
      rebuilt.every(
        ({ copiesDuring, replaces }: { copiesDuring: number; replaces: string }) => copiesDuring === 1 && replaces === "n2",
      ),
    ).toBe(true);
    expect(result.notes.join()).toContain("at risk");
    expect((await shard("status")).stdout).toMatch(/^n2 .*no answer$/m);
  });
});
