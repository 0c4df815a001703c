import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { connectCluster } from "../../src/cluster/index.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import { loadResultSchema, type LoadResult } from "../../src/load/result.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { startNode, type TestNode } from "../helpers/node.ts";
import { clusteredVectors } from "../helpers/vectors.ts";

const size = 32;
let folder: string;
let nodes: TestNode[] = [];

/** Three nodes, two replicas, 300 points; `guarded.yaml` is the same cluster, protected above 20/s. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ragctl-load-search-"));
  nodes = await Promise.all([startNode(), startNode(), startNode()]);
  const cluster = {
    topology: "routed",
    store: { driver: "qdrant" },
    nodes: nodes.map(({ url }, index) => ({ id: `n${index + 1}`, url })),
    routing: { replicas: 2 },
  };
  const config = async (file: string, extra: object) =>
    await writeFile(join(folder, file), stringify({ clusters: { test: { ...cluster, ...extra } } }));
  await config("ragctl.config.yaml", { objectives: { p99: "20s", errorRate: "1%" } });
  await config("guarded.yaml", { protected: true, maxRate: "20/s" });
  const resolved = await resolveCluster(fakeRuntime({ cwd: folder }), { config: undefined, cluster: undefined });
  const client = await connectCluster(resolved, { clock: realClock, rng: seededRng(1), purpose: "test", cwd: folder });
  const next = clusteredVectors({ size, clusters: 12, seed: 5 });
  const records = Array.from({ length: 300 }, (_, i) => ({ key: `doc-${i}`, vector: next() }));
  await client.ensureCollection("docs", { size, distance: "Cosine" });
  await client.upsert("docs", records);
  await client.close();
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function load(line: string): Promise<{ exitCode: number; result: LoadResult; text: string }> {
  const { exitCode, json, stdout } = await runCli(["load", "--json", ...line.split(" ")], { cwd: folder });
  return { exitCode, result: json().result, text: stdout };
}

describe("ragctl load on a routed cluster", () => {
  test("its own points, by two workers: all answered, figures per node, the objectives as thresholds", async () => {
    const { exitCode, result } = await load("--rps 50 --duration 2s --warmup 500ms --workers 2 --timeout 20s --collection docs");
    expect(exitCode).toBe(0);
    expect(loadResultSchema.parse(result)).toMatchObject({
      verdict: "pass",
      counts: { scheduled: 100, sent: 100, completed: 100, ok: 100, errors: 0, dropped: 0, unfinished: 0 },
      target: { kind: "search", cluster: "test", collection: "docs", k: 10, queries: { count: 300, dim: size } },
    });
    expect(result.thresholds.map(({ expression, source }) => [expression, source])).toEqual([
      ["p99<20000ms", "objective"],
      ["errors<1%", "objective"],
    ]);
    // A search asks a cover of the owners: two of three nodes, or all.
    const requests = result.perNode.reduce((sum, node) => sum + node.requests, 0);
    expect(requests).toBeGreaterThanOrEqual(200);
    expect(result.perNode.length).toBeGreaterThanOrEqual(2);
    for (const { requests, ok, errors, serviceTimeUs } of result.perNode) {
      expect(requests).toBe(ok + errors);
      expect(serviceTimeUs.n).toBe(ok);
    }
    expect(result.serviceTimeUs.n).toBe(100);
  });

  test("the only collection is found by itself; queries from a file of vectors and of texts", async () => {
    const lines = [
      { vector: Array.from({ length: size }, (_, i) => Math.sin(i)) },
      { vector: Array.from({ length: size }, () => 0.1) },
    ];
    await writeFile(join(folder, "queries.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
    const { exitCode, result } = await load("--rps 20 --duration 1s --warmup 0s --timeout 20s --queries queries.jsonl --k 3");
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      counts: { ok: 20 },
      target: { collection: "docs", k: 3, queries: { from: "queries.jsonl", count: 2 } },
    });
  });

  test.each([
    ["--queries wrong.jsonl", '{"vector": [1, 2, 3]}', 2, "3 dimensions"],
    ["--queries wrong.jsonl", '{"vector": [1, "x"]}\n{"words": 1}\n\nnot json', 2, "wrong.jsonl:4: is not JSON"],
    ["--queries wrong.jsonl", "", 2, "holds no queries"],
    ["--queries no-such.jsonl", "", 2, "no-such.jsonl cannot be read"],
    ["--collection nope", "", 2, "nope"],
  ])("%s holding %j: exit %d before anything is sent", async (flags, content, exit, message) => {
    await writeFile(join(folder, "wrong.jsonl"), content);
    const { exitCode, text } = await load(`--rps 20 --duration 1s ${flags}`);
    expect(exitCode).toBe(exit);
    expect(text).toContain(message);
  });

  test("a protected cluster wants its name above its rate: exit 7 where nobody can be asked", async () => {
    const refused = await load("--rps 21 --duration 1s --config guarded.yaml --yes");
    expect(refused.exitCode).toBe(7);
    expect(refused.text).toContain("--confirm test");
    expect((await load("--rps 21 --duration 1s --config guarded.yaml --confirm tset")).exitCode).toBe(7);
    const flags = "--duration 1s --warmup 0s --timeout 20s --config guarded.yaml --threshold errors<50%";
    expect((await load(`--rps 20 ${flags}`)).exitCode).toBe(0);
    expect((await load(`--rps 21 ${flags} --confirm test`)).exitCode).toBe(0);
  });
});
