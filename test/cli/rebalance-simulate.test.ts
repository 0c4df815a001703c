import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { npyBytes } from "../helpers/dataset-files.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { blobs } from "../helpers/kmeans-data.ts";

const { vectors } = blobs({ rows: 4000, dim: 12, clusters: 14, spread: 0.5, skew: 0.5 });
const cwd = mkdtempSync(join(tmpdir(), "ragctl-test-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
const ragctl = (...args: string[]) => runCli(args, { cwd });
const simulate = (...args: string[]) => ragctl("rebalance", "simulate", "--threads", "1", ...args);

beforeAll(async () => {
  writeFileSync(join(cwd, "x.npy"), npyBytes(vectors.slice(200)));
  const asked = [...vectors.slice(0, 150), ...vectors.slice(0, 50)];
  writeFileSync(join(cwd, "q.jsonl"), asked.map((vector) => `${JSON.stringify({ vector: [...vector] })}\n`).join(""));
  const fitted = await ragctl("rebalance", "fit", "--vectors", "x.npy", "--shards", "16", "--threads", "1");
  expect(fitted.exitCode).toBe(0);
});

describe("rebalance simulate on files", () => {
  test("answers with a curve, beside hashing and other numbers of shards", async () => {
    const run = await simulate(
      "--vectors",
      "x.npy",
      "--model",
      "model.json",
      "--queries",
      "q.jsonl",
      "--shards",
      "8,24",
      "--nodes",
      "a,b,c,d",
      "--json",
    );
    expect(run.exitCode).toBe(0);
    const document = run.json();
    expect(schemaProblems("rebalance simulate", document)).toEqual([]);
    const { result } = document;
    expect(result).toMatchObject({
      k: 10,
      queries: 150,
      asked: 200,
      rows: 3800,
      dim: 12,
      metric: "l2",
      nodes: { ids: ["a", "b", "c", "d"], replicas: 1 },
    });
    expect(result.curve).toHaveLength(16);
    expect(result.curve.at(-1)).toMatchObject({ probes: 16, recall: 1, fanOut: 16, nodesTouched: 4, work: 1 });
    expect(result.layouts.map(({ name, shards }: any) => [name, shards])).toEqual([
      ["model.json", 16],
      ["8 shards", 8],
      ["24 shards", 24],
      ["hash", 16],
    ]);
    const { recommendation, heat } = result;
    expect(recommendation.probes).toBe(result.curve.find(({ recall }: any) => recall >= 0.95).probes);
    expect(recommendation.probes).toBeLessThan(8);
    expect(recommendation.workSaved).toBeGreaterThan(0.4);
    expect(heat).toMatchObject({ probes: recommendation.probes, maxOverMean: recommendation.heatMaxOverMean });
    expect(heat.shards.reduce((sum: number, share: number) => sum + share, 0)).toBeCloseTo(recommendation.probes, 9);
    expect(recommendation.sentence).toBe(
      `probe ${recommendation.probes} of 16 for recall ≥ 0.95; hottest node ${heat.maxOverMean.toFixed(1)}× the mean; ` +
        `${Math.floor(recommendation.workSaved * 100 + 1e-9)} % less work per query`,
    );
  });

  test("for people: within 80 columns, with a plot; and a page that loads nothing", async () => {
    const { stdout, exitCode } = await simulate(
      "--vectors",
      "x.npy",
      "--queries",
      "q.jsonl",
      "--nodes",
      "3",
      "--replicas",
      "2",
      "--html",
      "r.html",
    );
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^probe \d+ of 16 for recall ≥ 0.95; hottest node \d\.\d× the mean; \d+ % less work per query\n/);
    expect(stdout).toContain("recall over shards probed");
    expect(stdout).toMatch(/^adaptive: \d+\.\d shards on average, recall 0\.\d{3}, \d+\.?\d* % of the work$/m);
    // The first line is the sentence that people quote.
    for (const line of stdout.split("\n").slice(1)) expect(line.length, line).toBeLessThanOrEqual(80);
    const html = readFileSync(join(cwd, "r.html"), "utf8");
    expect(html).toContain("Content-Security-Policy");
    expect(html).toContain(stdout.split("\n")[0]!.split(";")[0]!);
  });

  test("without queries, rows are held out, and found among the others", async () => {
    const run = await simulate("--vectors", "x.npy", "--limit", "100", "--target", "99%", "--k", "5", "--json");
    const { result } = run.json();
    expect(result).toMatchObject({
      rows: 3700,
      queries: 100,
      k: 5,
      target: 0.99,
      source: { queries: "100 rows held out" },
      nodes: null,
    });
    expect(result.curve.at(-1).recall).toBe(1);
    const again = (await simulate("--vectors", "x.npy", "--limit", "100", "--target", "99%", "--k", "5", "--json")).json().result;
    expect({ ...again, seconds: 0 }).toEqual({ ...result, seconds: 0 });
  });

  test("a sample says that it is one", async () => {
    const run = await simulate("--vectors", "x.npy", "--queries", "q.jsonl", "--sample", "1_000");
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("searched among a sample of 1000 of 3800 rows");
  });

  test("Cranfield: its questions, embedded by feature hashing, against exact search", async () => {
    const data = join(import.meta.dirname, "../data/cranfield");
    const args = [
      "--vectors",
      join(data, "docs.jsonl"),
      "--queries",
      join(data, "queries.jsonl"),
      "--metric",
      "cosine",
      "--shards",
      "16",
    ];
    const run = await simulate(...args, "--json");
    expect(run.exitCode).toBe(0);
    const { result } = run.json();
    expect(result).toMatchObject({ queries: 225, rows: 1398, dim: 384, metric: "cosine" });
    const recalls = result.curve.map(({ recall }: any) => recall);
    expect(recalls.at(-1)).toBe(1);
    for (let at = 1; at < recalls.length; at++) expect(recalls[at]).toBeGreaterThanOrEqual(recalls[at - 1]);
    // Hashing finds with eight of sixteen shards half of what is there.
    expect(recalls[7]).toBeGreaterThan(0.9);
    const shown = await simulate(...args);
    expect(shown.stderr).toContain("2 rows without a word are left out");
  });
});

describe("what is wrong is said in a sentence", () => {
  beforeAll(() => {
    writeFileSync(join(cwd, "short.npy"), npyBytes(vectors.slice(0, 50).map((vector) => vector.slice(0, 5))));
    writeFileSync(join(cwd, "no.jsonl"), "");
    writeFileSync(join(cwd, "notes.json"), "{}");
    const nan = Float32Array.from(vectors[0]!, () => Number.NaN);
    const equal = vectors.slice(0, 300).map(() => vectors[0]!);
    writeFileSync(join(cwd, "equal.npy"), npyBytes(equal));
    writeFileSync(join(cwd, "few.npy"), npyBytes(equal.map((_, row) => vectors[row % 5]!)));
    const long = Array.from({ length: 17_100 }, (_, row) => Float32Array.of(row % 7, row % 11));
    const spoiled = (value: Float32Array) => long.map((row, at) => (at === 17_003 ? value : row));
    writeFileSync(join(cwd, "long-nan.npy"), npyBytes(spoiled(Float32Array.of(1, Number.NaN))));
    writeFileSync(join(cwd, "long-inf.npy"), npyBytes(spoiled(Float32Array.of(-Infinity, 1))));
    const lines = spoiled(Float32Array.of(1, 2, 3)).map((row) => `${JSON.stringify(Array.from(row))}\n`);
    writeFileSync(join(cwd, "long-dim.jsonl"), lines.join(""));
    writeFileSync(join(cwd, "nan.npy"), npyBytes(vectors.map((vector, row) => (row === 1703 ? nan : vector))));
  });

  test.each([
    [["--vectors", "x.npy", "--model", "gone.json"], "gone.json: cannot be read"],
    [["--vectors", "x.npy", "--model", "notes.json"], "this is not a model of ragctl rebalance fit"],
    [["--vectors", "short.npy"], "model.json: has 12 dimensions, short.npy has 5"],
    [["--vectors", "x.npy", "--queries", "short.npy"], "short.npy: its vectors have 5 dimensions, the rows have 12"],
    [["--vectors", "x.npy", "--queries", "no.jsonl"], "no.jsonl"],
    [["--vectors", "nan.npy"], "nan.npy: row 1703: component 0 is NaN"],
    [["--vectors", "long-nan.npy", "--shards", "4"], "long-nan.npy: row 17003: component 1 is NaN"],
    [["--vectors", "long-inf.npy", "--shards", "4"], "long-inf.npy: row 17003: component 0 is -Infinity"],
    [["--vectors", "long-dim.jsonl", "--shards", "4"], "long-dim.jsonl: row 17003: has 3 dimensions"],
    [["--vectors", "equal.npy", "--shards", "4"], "equal.npy: 4 shards cannot be made: all 270 vectors are equal"],
    [
      ["--vectors", "few.npy", "--shards", "8"],
      "few.npy: 8 shards cannot be made: there are only 5 different vectors in 270 rows",
    ],
    [["--vectors", "no.jsonl", "--shards", "4"], "no.jsonl"],
    [["--vectors", "x.npy", "--sample", "5"], "has 5 rows: too few to hold any out as queries"],
    [["--vectors", "x.npy", "--shards", "8,x"], 'expected whole numbers above zero such as 16,32, got "8,x"'],
    [["--vectors", "x.npy", "--nodes", "2", "--replicas", "3"], "--replicas: 3 replicas need as many nodes; there are 2"],
    [["--vectors", "x.npy", "--target", "0"], "--target: expected a share above 0 and at most 1"],
    [["--nodes", "3"], "--nodes: goes with --vectors"],
    [["--vectors", "x.npy", "--collection", "docs"], "--collection: is of a live cluster"],
  ])("%s", async (args, message) => {
    const run = await simulate(...args, "--html", "never.html");
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(message);
    expect(existsSync(join(cwd, "never.html"))).toBe(false);
  });
});
