import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readModel } from "../../src/rebalance/model-file.ts";
import { npyBytes, writeVecs } from "../helpers/dataset-files.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { blobs } from "../helpers/kmeans-data.ts";

const { vectors } = blobs({ rows: 3000, dim: 12, clusters: 9 });
const cwd = mkdtempSync(join(tmpdir(), "ragctl-test-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
const fit = (...args: string[]) => runCli(["rebalance", "fit", "--threads", "1", ...args], { cwd });

beforeAll(() => {
  writeFileSync(join(cwd, "x.npy"), npyBytes(vectors));
  writeVecs(join(cwd, "x.fvecs"), "fvecs", vectors);
  writeFileSync(join(cwd, "x.jsonl"), vectors.map((vector) => JSON.stringify([...vector])).join("\n"));
});

describe("rebalance fit", () => {
  test("writes a model, and says what it came to", async () => {
    const run = await fit("--vectors", "x.npy", "--shards", "9", "--json", "--out", "a.json");
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toBe("");
    const document = run.json();
    expect(schemaProblems("rebalance fit", document)).toEqual([]);
    const { result } = document;
    expect(result).toMatchObject({ model: "a.json", vectors: 3000, sample: 3000, dim: 12, metric: "l2", algorithm: "minibatch" });
    expect(result.shards).toHaveLength(9);
    expect(result.shards.reduce((sum: number, { size }: { size: number }) => sum + size, 0)).toBe(3000);
    // Nine clusters, of a spread of 0.3 in twelve dimensions.
    expect(result.inertia).toBeCloseTo(3000 * 12 * 0.09, -2.5);
    const model = readModel(cwd, "a.json");
    expect(model.modelId).toBe(result.modelId);
    expect(model.training.inertia).toBe(result.inertia);
  });

  test("is the same from every kind of file, and whatever the threads", async () => {
    const ids = [];
    for (const args of [["x.npy"], ["x.fvecs"], ["x.jsonl"], ["x.npy", "--threads", "2"]]) {
      const run = await fit("--vectors", ...args, "--shards", "5", "--json", "--out", "same.json");
      ids.push(run.json().result.modelId);
    }
    expect(new Set(ids).size).toBe(1);
  });

  test("for people: a table with a bar for each shard, within 80 columns", async () => {
    const { stdout, exitCode } = await fit("--vectors", "x.npy", "--shards", "9", "--algorithm", "balanced", "--out", "b.json");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^9 shards of 3,000 vectors × 12\n/);
    expect(stdout).toMatch(/^ +0 +\d+ +\d+\.\d % +\d+\.\d+ +\d\.\d+ +█+/m);
    expect(stdout).toMatch(/largest shard 1\.\d\d × the mean\n/);
    for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test("heat, spill and a sample reach the fit", async () => {
    writeFileSync(join(cwd, "heat.txt"), vectors.map((_, i) => `${i % 3}\n`).join(""));
    const args = ["--algorithm", "balanced", "--heat", "heat.txt", "--spill", "5%", "--spill-ratio", "3", "--sample", "1_000"];
    const run = await fit("--vectors", "x.npy", "--shards", "4", ...args, "--epsilon", "0.3", "--json", "--out", "c.json");
    expect(run.exitCode).toBe(0);
    expect(run.json().result).toMatchObject({ sample: 1000, vectors: 3000 });
    expect(run.json().result.spill.share).toBeGreaterThan(0.03);
    expect(run.json().result.spill.share).toBeLessThanOrEqual(0.05);
  });
});

describe("what is wrong is said in a sentence, and nothing is written", () => {
  const spoiled = (row: number, vector: Float32Array) => vectors.map((each, i) => (i === row ? vector : each));
  const nan = Float32Array.from(vectors[0]!, (value, d) => (d === 3 ? Number.NaN : value));
  const infinite = Float32Array.from(vectors[0]!, (value, d) => (d === 0 ? Infinity : value));
  beforeAll(() => {
    writeFileSync(join(cwd, "nan.npy"), npyBytes(spoiled(1703, nan)));
    writeVecs(join(cwd, "inf.fvecs"), "fvecs", spoiled(2703, infinite));
    writeFileSync(
      join(cwd, "dim.jsonl"),
      spoiled(703, new Float32Array(11))
        .map((vector) => JSON.stringify([...vector]))
        .join("\n"),
    );
    writeVecs(join(cwd, "dim.fvecs"), "fvecs", spoiled(1703, new Float32Array(11)));
    writeFileSync(join(cwd, "empty.npy"), "");
    writeFileSync(join(cwd, "none.npy"), npyBytes([], { shape: [0, 12] }));
    writeFileSync(join(cwd, "equal.npy"), npyBytes(vectors.map(() => vectors[0]!)));
    writeFileSync(join(cwd, "heat-bad.txt"), "1\nmany\n3\n");
    writeFileSync(join(cwd, "notes.txt"), "of mine");
  });

  test.each([
    [["--vectors", "nan.npy"], "nan.npy: row 1703: component 3 is NaN"],
    [["--vectors", "inf.fvecs", "--sample", "500"], "inf.fvecs: row 2703: component 0 is Infinity"],
    [["--vectors", "dim.jsonl"], "dim.jsonl: row 703: has 11 dimensions"],
    [["--vectors", "dim.fvecs"], "dim.fvecs: row 1703: has 11 dimensions"],
    [["--vectors", "empty.npy"], "empty.npy: the file is empty"],
    [["--vectors", "none.npy"], "none.npy: holds no vectors"],
    [["--vectors", "gone.npy"], "gone.npy: no such file"],
    [["--vectors", "equal.npy"], "equal.npy: 4 shards cannot be made: all 3,000 vectors are equal"],
    [["--vectors", "x.npy", "--sample", "3"], "--shards: 4 shards cannot be made of 3 vectors"],
    [
      ["--vectors", "x.npy", "--algorithm", "balanced", "--heat", "heat-bad.txt"],
      'heat-bad.txt:2: expected a number of zero or more, got "many"',
    ],
    [["--vectors", "x.npy", "--heat", "heat-bad.txt"], "--heat: goes with --algorithm balanced"],
    [["--vectors", "x.npy", "--sample", "some"], 'expected a whole number above zero, or all, got "some"'],
    [["--vectors", "x.npy", "--out", "notes.txt"], "notes.txt is there already, and is no model"],
    [["--metric", "l2"], "--metric: goes with --vectors: a collection says how it compares"],
    [[], "no cluster to speak to"],
  ])("%s", async (args, message) => {
    const run = await fit("--shards", "4", "--out", "never.json", ...args);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(message);
    expect(existsSync(join(cwd, "never.json"))).toBe(false);
    expect(readFileSync(join(cwd, "notes.txt"), "utf8")).toBe("of mine");
  });
});
