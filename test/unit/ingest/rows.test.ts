import { join } from "node:path";
import { readFileSync } from "node:fs";
import { parquetWriteFile, type ColumnSource } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import type { Item } from "../../../src/ingest/contract.ts";
import { clusteredVectors, listOfFloats, npyBytes, writeVecs } from "../../helpers/dataset-files.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { brief, read } from "./read.ts";

const vectors = clusteredVectors(700, 8);

function fvecs(rows: readonly ArrayLike<number>[]): Buffer {
  const path = join(tempDir(), "x.fvecs");
  writeVecs(path, "fvecs", rows);
  return readFileSync(path);
}

describe("vector files", () => {
  it.each([
    ["npy", () => npyBytes(vectors)],
    ["fvecs", () => fvecs(vectors)],
  ] as const)("of %s give a point a row, under its number", async (kind, make) => {
    const content = make();
    const items = await read(kind, content, { options: { idPrefix: "base-" } });
    expect(items).toHaveLength(700);
    expect(items[699]).toMatchObject({
      kind: "document",
      id: "base-699",
      origin: { source: "in", row: 699 },
      text: "",
      fields: {},
      vector: vectors[699],
    });
    expect(await read(kind, content, { from: { row: 698 } })).toMatchObject([{ id: "698" }, { id: "699" }]);
  });

  it("of HDF5 are the data set train, unless another is named", async () => {
    const { default: h5 } = await import("h5wasm/node");
    await h5.ready;
    const path = join(tempDir(), "x.hdf5");
    const file = new h5.File(path, "w");
    file.create_dataset({ name: "train", data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [3, 2] });
    file.create_dataset({ name: "test", data: Float32Array.of(7, 8), shape: [1, 2] });
    file.close();
    const content = readFileSync(path);
    const pick = async (options = {}) =>
      (await read("hdf5", content, { options })).map((item) => item.kind === "document" && [item.id, Array.from(item.vector!)]);
    expect(await pick()).toEqual([
      ["0", [1, 2]],
      ["1", [3, 4]],
      ["2", [5, 6]],
    ]);
    expect(await pick({ vectorField: "test", idPrefix: "q" })).toEqual([["q0", [7, 8]]]);
    expect(brief(await read("hdf5", content.subarray(0, 300)))).toEqual([
      expect.stringMatching(/^dead file: .*(HDF5|cut short)/),
    ]);
  });

  it("lose a row with NaN, and no other", async () => {
    const broken = vectors.slice(0, 300).map((vector) => vector.slice());
    broken[7]![3] = Number.NaN;
    const items = await read("npy", npyBytes(broken));
    expect(items).toHaveLength(300);
    expect(brief(items.filter(({ kind }) => kind === "dead"))).toEqual(["dead 7: component 3 is NaN, not a finite number"]);
  });

  it.each([
    ["cut short", () => fvecs(vectors.slice(0, 3)).subarray(0, 80), /cut short/],
    [
      "of rows of several dimensions",
      () => Buffer.concat([fvecs([[1, 2]]), fvecs([[1, 2, 3]])]),
      /has 3 dimensions, the rows before it 2/,
    ],
    ["empty", () => Buffer.alloc(0), /the file is empty/],
  ])("%s are dead whole", async (_, make, reason) => {
    const items = await read("fvecs", make());
    expect(items).toMatchObject([{ kind: "dead", id: "in", origin: { source: "in" }, reason: expect.stringMatching(reason) }]);
  });
});

describe("Parquet", () => {
  const columns: ColumnSource[] = [
    { name: "id", data: [1n, 2n, 3n, 4n] },
    { name: "text", data: ["one", "two", null, "four"] },
    { name: "vector", data: [null, null, Array.from(vectors[0]!), [1, Number.NaN]] },
    { name: "when", data: Array.from({ length: 4 }, () => new Date("2024-05-06T07:08:09Z")) },
    { name: "score", data: [0.5, 1.5, 2.5, 3.5] },
  ];
  function parquet(rowGroupSize = 2): Buffer {
    const filename = join(tempDir(), "x.parquet");
    parquetWriteFile({
      filename,
      columnData: columns,
      rowGroupSize: [rowGroupSize],
      schema: [
        { name: "root", num_children: 5 },
        { name: "id", type: "INT64", repetition_type: "REQUIRED" },
        { name: "text", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
        ...listOfFloats("vector"),
        { name: "when", type: "INT64", converted_type: "TIMESTAMP_MILLIS", repetition_type: "REQUIRED" },
        { name: "score", type: "DOUBLE", repetition_type: "REQUIRED" },
      ],
    });
    return readFileSync(filename);
  }

  it("gives a document a row, over all row groups, with plain values", async () => {
    const items = await read("parquet", parquet());
    expect(items).toMatchObject([
      { id: "1", text: "one", fields: { id: 1, when: "2024-05-06T07:08:09.000Z", score: 0.5 }, origin: { row: 0 } },
      { id: "2", text: "two" },
      { id: "3", text: "", vector: vectors[0] },
      {
        kind: "dead",
        origin: { row: 3 },
        reason: 'field "vector" has NaN as component 1, not a finite number that 32 bits hold',
      },
    ]);
    expect((items[0] as { vector?: unknown }).vector).toBeUndefined();
    expect(await read("parquet", parquet(), { from: { row: 3 } })).toMatchObject([{ origin: { row: 3 } }]);
  });

  it("reads the columns that are wanted", async () => {
    const fieldsOf = (items: Item[]) => items.map((item) => (item.kind === "document" ? item.fields : "dead"));
    const options = { vectorField: undefined };
    expect(fieldsOf(await read("parquet", parquet(), { options: { ...options, payload: ["score"] } }))).toEqual([
      { score: 0.5 },
      { score: 1.5 },
      "dead",
      { score: 3.5 },
    ]);
    expect(fieldsOf(await read("parquet", parquet(), { options: { ...options, payload: "none" } }))[0]).toEqual({});
  });

  it("that is cut short, or is none, is dead whole", async () => {
    for (const content of [parquet().subarray(0, 200), Buffer.from("not parquet at all")])
      expect(await read("parquet", content)).toMatchObject([
        { kind: "dead", id: "in", reason: expect.stringMatching(/^not a readable Parquet file, or cut short: /) },
      ]);
  });

  it("loses the row group that is damaged, and no other", async () => {
    const bytes = Buffer.from(parquet());
    // The first column chunk begins behind the magic number.
    bytes.fill(0xff, 4, 12);
    const items = await read("parquet", bytes);
    expect(items).toMatchObject([
      { kind: "dead", origin: { row: 0 }, rows: 2, reason: expect.stringMatching(/^rows 0 to 1 cannot be read: /) },
      { id: "3" },
      { kind: "dead", origin: { row: 3 } },
    ]);
  });
});

it("a JSON line may bring its vector", async () => {
  const lines = [
    { id: "a", text: "with text", emb: [1, 2.5] },
    { id: "b", emb: [] },
    { id: "c", emb: [1, null] },
    { id: "d", emb: [1, 1e300] },
    { id: "e", emb: "text" },
    { id: "f", text: "without", emb: null },
  ];
  const items = await read("jsonl", lines.map((line) => JSON.stringify(line)).join("\n"), { options: { vectorField: "emb" } });
  expect(brief(items)).toEqual([
    "a: with text",
    expect.stringContaining('dead 2: field "emb" is an empty list'),
    expect.stringContaining('dead 3: field "emb" has null as component 1, not a number'),
    expect.stringContaining('dead 4: field "emb" has 1e+300 as component 1'),
    expect.stringContaining('dead 5: field "emb" is not a list of numbers'),
    "f: without",
  ]);
  expect(items[0]).toMatchObject({ vector: new Float32Array([1, 2.5]), fields: { id: "a" } });
});
