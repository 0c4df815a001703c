import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { samplingOf } from "../../../src/rebalance/fit.ts";
import { readData } from "../../../src/rebalance/simulate/data.ts";
import { counted, inMemory, openRows, readQueries, type Embedding } from "../../../src/rebalance/sources.ts";
import { fit } from "../../../src/kmeans/index.ts";
import { seededRng } from "../../../src/runtime.ts";
import { alone, blobs, sourceOf, specOf } from "../../helpers/kmeans-data.ts";

const cwd = mkdtempSync(join(tmpdir(), "ragctl-test-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
const embedding: Embedding = { name: "lengths", embed: async (texts) => texts.map((text) => Float32Array.of(text.length, 1)) };
const rowsOf = (vectors: Float32Array[]) => ({ ...inMemory("x", vectors), keyOf: String, notes: [] });

describe("queries", () => {
  test("equal ones are one, with how often they come", () => {
    const { vectors, weights } = counted([Float32Array.of(1, 2), Float32Array.of(3, 4), Float32Array.of(1, 2)]);
    expect([Array.from(vectors, (each) => Array.from(each)), weights]).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [2, 1],
    ]);
  });

  test("a log is texts, one a line; blank ones are left out, repetitions weigh", async () => {
    writeFileSync(join(cwd, "q.log"), "abc\r\n\nabcd\nabc\n  \n");
    const { queries, from } = await readQueries(cwd, "q.log", { dim: 2, limit: 10, seed: 1, embedding });
    expect([Array.from(queries.vectors, (each) => Array.from(each)), queries.weights, from]).toEqual([
      [
        [3, 1],
        [4, 1],
      ],
      [2, 1],
      "q.log",
    ]);
  });

  test("more than the limit are chosen from, and it is said", async () => {
    writeFileSync(join(cwd, "many.jsonl"), Array.from({ length: 50 }, (_, i) => `{"vector": [${i}, 1]}\n`).join(""));
    const { queries, from } = await readQueries(cwd, "many.jsonl", { dim: 2, limit: 20, seed: 1, embedding });
    expect(queries.vectors).toHaveLength(20);
    expect(from).toBe("many.jsonl (20 of 50, chosen at random)");
  });
});

test("texts without a word are left out; keys stay those of the file's rows", async () => {
  writeFileSync(join(cwd, "d.jsonl"), ["one", "", "three"].map((text) => `${JSON.stringify({ text })}\n`).join(""));
  const rows = await openRows(cwd, "d.jsonl", { embedding });
  expect([rows.rows, rows.dim, rows.keyOf(0), rows.keyOf(1)]).toEqual([2, 2, "0", "2"]);
  expect(rows.notes).toEqual(["the texts of d.jsonl are embedded by lengths; 1 row without a word is left out"]);
});

test("held-out rows are not among those that are searched, and no more than a tenth", async () => {
  const vectors = Array.from({ length: 95 }, (_, i) => Float32Array.of(i, 1));
  const data = await readData(rowsOf(vectors), { metric: "dot", sample: "all", heldOut: 50, seed: 3 }, alone);
  try {
    const out = data.heldOut.vectors.map((each) => each[0]!);
    const kept = Array.from({ length: data.points.count }, (_, row) => Number(data.keyOf(row)));
    expect(out).toHaveLength(9);
    expect([...out, ...kept].sort((a, b) => a - b)).toEqual(vectors.map((_, i) => i));
    expect(kept.map((row) => data.points.rows.values[kept.indexOf(row) * data.points.width])).toEqual(kept);
  } finally {
    await data.points.pool.close();
  }
});

test("what a sample says of the whole is within its errors, nineteen times of twenty", async () => {
  const { vectors } = blobs({ rows: 4000, dim: 6, clusters: 5, seed: 2 });
  const rng = seededRng(17);
  let [sharesWithin, inertiaWithin] = [0, 0];
  const times = 60;
  for (let time = 0; time < times; time++) {
    const sample = vectors.filter(() => rng() < 0.1);
    const { model, deviation } = await fit(sourceOf(sample), specOf({ shards: 1, seed: time + 1 }), "collection", alone);
    const { inertiaError } = samplingOf({ model, deviation }, vectors.length);
    const centre = model.centroids;
    const inertia = vectors.reduce(
      (sum, each) => sum + each.reduce((square, value, d) => square + (value - centre[d]!) ** 2, 0),
      0,
    );
    const estimate = model.training.inertia / sample.length;
    if (Math.abs(estimate - inertia / vectors.length) <= inertiaError * estimate) inertiaWithin++;
    // A share that is known: of rows whose first number is above zero.
    const share = (of: Float32Array[]) => of.filter((each) => each[0]! > 0).length / of.length;
    const size = Math.round(share(sample) * sample.length);
    const parted = {
      ...model,
      shards: [
        { size, inertia: 0, radius: 0 },
        { size: sample.length - size, inertia: 0, radius: 0 },
      ],
    };
    if (Math.abs(share(sample) - share(vectors)) <= samplingOf({ model: parted, deviation }, vectors.length).shareError)
      sharesWithin++;
  }
  for (const within of [sharesWithin, inertiaWithin]) expect(within).toBeGreaterThanOrEqual(Math.floor(0.87 * times));
});
