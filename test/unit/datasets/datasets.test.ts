import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteFile } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dataset, type DatasetOptions, openDataset } from "../../../src/datasets/index.ts";
import { halfToFloat } from "../../../src/datasets/half.ts";
import { RagctlError } from "../../../src/errors.ts";
import { clusteredVectors, listOfFloats, npyBytes, type NpyForm, writeVecs } from "../../helpers/dataset-files.ts";

const dir = mkdtempSync(join(tmpdir(), "ragctl-datasets-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (name: string) => join(dir, name);
const vectors = clusteredVectors(700, 8);

function flatten(rows: readonly Float32Array[]): Float32Array {
  const flat = new Float32Array(rows.length * rows[0]!.length);
  rows.forEach((row, i) => flat.set(row, i * row.length));
  return flat;
}

async function withDataset<T>(path: string, options: DatasetOptions, use: (dataset: Dataset) => Promise<T>): Promise<T> {
  const dataset = await openDataset(path, options);
  try {
    return await use(dataset);
  } finally {
    await dataset.close();
  }
}

/** Every row is right, in stretches of any size, and beyond the end there is nothing. */
async function expectRows(path: string, expected: readonly Float32Array[], options: DatasetOptions = {}): Promise<void> {
  await withDataset(path, options, async (dataset) => {
    expect([dataset.rows, dataset.dim]).toEqual([expected.length, expected[0]!.length]);
    expect(await dataset.rowsOf(0, expected.length + 10)).toEqual(expected);
    for (const [start, count] of [
      [0, 1],
      [expected.length - 1, 5],
      [Math.floor(expected.length / 2), 3],
      [expected.length, 4],
    ] as const)
      expect(await dataset.rowsOf(start, count)).toEqual(expected.slice(start, start + count));
  });
}

async function problemOf(
  path: string,
  options: DatasetOptions = {},
  use = (dataset: Dataset): Promise<unknown> => dataset.rowsOf(0, 1e6),
): Promise<string> {
  try {
    await withDataset(path, options, use);
  } catch (error) {
    expect(error).toBeInstanceOf(RagctlError);
    expect((error as RagctlError).exitCode).toBe(2);
    return (error as Error).message.replace(`${dir}/`, "");
  }
  throw new Error("expected an error");
}

describe("npy", () => {
  test.each<NpyForm>([
    {},
    { version: 2 },
    { version: 3, descr: "<f8" },
    { descr: ">f4" },
    { descr: ">f8", fortran: true },
    { descr: "<f2" },
    { descr: ">f2", fortran: true },
    { fortran: true },
  ])("%j", async (form) => {
    writeFileSync(at("a.npy"), npyBytes(vectors, form));
    await expectRows(at("a.npy"), vectors);
  });

  test("one dimension is one vector, or rows of the dimension asked for", async () => {
    writeFileSync(at("one.npy"), npyBytes(vectors.slice(0, 2), { shape: [16] }));
    await expectRows(at("one.npy"), [flatten(vectors.slice(0, 2))]);
    await expectRows(at("one.npy"), vectors.slice(0, 2), { dim: 8 });
  });

  test("bad files", async () => {
    const good = npyBytes(vectors);
    const cases: Record<string, Buffer> = {
      "short.npy": good.subarray(0, good.length - 40),
      "header.npy": good.subarray(0, 40),
      "magic.npy": Buffer.from("something else entirely"),
      "int.npy": Buffer.from(good.toString("latin1").replace("<f4", "<i4"), "latin1"),
      "cube.npy": npyBytes(vectors, { shape: [70, 10, 8] }),
      "none.npy": npyBytes([], { shape: [0, 8] }),
      "nan.npy": npyBytes(vectors.with(5, vectors[5]!.with(3, Number.NaN))),
      "inf.npy": npyBytes(vectors.with(699, vectors[699]!.with(0, -Infinity)), { descr: "<f2", fortran: true }),
      "tiny.npy": Buffer.from("\u0093NUMPY", "latin1"),
      "empty.npy": Buffer.alloc(0),
    };
    const messages: string[] = [];
    for (const [name, bytes] of Object.entries(cases)) {
      writeFileSync(at(name), bytes);
      messages.push(await problemOf(at(name)));
    }
    messages.push(await problemOf(at("a.npy"), { dim: 9 }), await problemOf(at("a.npy"), { dim: 0 }));
    expect(messages).toMatchInlineSnapshot(`
      [
        "short.npy: row 698: cut short: 700 rows take 22528 bytes, and there are 22488",
        "header.npy: cut short within the npy header",
        "magic.npy: this is not an npy file: it does not begin with \\x93NUMPY",
        "int.npy: components of type <i4 are not supported: float16, float32 and float64 are",
        "cube.npy: has 3 dimensions (70, 10, 8): one row per vector, so 2, is what is read",
        "none.npy: holds no vectors: its shape is (0, 8)",
        "nan.npy: row 5: component 3 is NaN, not a finite number",
        "inf.npy: row 699: component 0 is -Infinity, not a finite number",
        "tiny.npy: cut short: 6 bytes, and an npy header takes at least 10",
        "empty.npy: the file is empty",
        "a.npy: vectors have 8 dimensions, and 9 are wanted",
        "a.npy: a dimension of 0 is not possible",
      ]
    `);
  });

  test("halves", () => {
    expect([0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x8000].map(halfToFloat)).toEqual([1, -2, 65504, 2 ** -24, 2 ** -14, -0]);
    expect([0x7c00, 0xfc00, 0x7e00].map(halfToFloat)).toEqual([Infinity, -Infinity, NaN]);
  });
});

describe("fvecs, bvecs, ivecs", () => {
  const bytes = vectors.map((row) => row.map((value) => Math.abs(Math.round(value * 7)) % 256));
  const integers = vectors.map((row) => row.map((value) => Math.round(value * 1000) || 0));
  test("rows", async () => {
    writeVecs(at("a.fvecs"), "fvecs", vectors);
    await expectRows(at("a.fvecs"), vectors);
    writeVecs(at("a.bvecs"), "bvecs", bytes);
    await expectRows(at("a.bvecs"), bytes);
    writeVecs(at("a.ivecs"), "ivecs", integers);
    await expectRows(at("a.ivecs"), integers);
    const truth = await withDataset(at("a.ivecs"), {}, (dataset) => dataset.neighbors!(3, 1));
    expect([...truth[0]!.rows]).toEqual([...integers[3]!]);
  });

  test("bad files", async () => {
    writeVecs(at("a.fvecs"), "fvecs", vectors);
    const good = readFileSync(at("a.fvecs"));
    writeFileSync(at("short.fvecs"), good.subarray(0, good.length - 3));
    writeVecs(at("ragged.fvecs"), "fvecs", [...vectors.slice(0, 4), new Float32Array(7), ...vectors]);
    // The sizes add up; only the row's own header shows that it is wrong.
    writeVecs(at("sly.fvecs"), "fvecs", [...vectors.slice(0, 4), new Float32Array(7), new Float32Array(9), ...vectors]);
    writeVecs(at("nan.fvecs"), "fvecs", vectors.with(42, vectors[42]!.with(1, Number.NaN)));
    writeFileSync(at("text.fvecs"), "0.1 0.2 0.3\n");
    writeFileSync(at("two.fvecs"), "ab");
    writeFileSync(at("empty.fvecs"), "");
    mkdirSync(at("dir.fvecs"));
    const messages: string[] = [];
    for (const name of ["short", "ragged", "sly", "nan", "text", "two", "empty", "dir", "absent"])
      messages.push(await problemOf(at(`${name}.fvecs`)));
    messages.push(
      await problemOf(at("a.fvecs"), { dim: 128 }),
      await problemOf(at("a.fvecs"), {}, (dataset) => dataset.rowsOf(701, 1)),
    );
    messages.push(await problemOf(at("a.fvecs.gz")), await problemOf(at("a.fvecs"), { kind: "npy" }));
    expect(messages).toMatchInlineSnapshot(`
      [
        "short.fvecs: row 699: cut short: 33 of 36 bytes",
        "ragged.fvecs: row 4: has 7 dimensions, the rows before it 8",
        "sly.fvecs: row 4: has 7 dimensions, the rows before it 8",
        "nan.fvecs: row 42: component 1 is NaN, not a finite number",
        "text.fvecs: row 0: a dimension of 540094000: this is not an fvecs file",
        "two.fvecs: row 0: cut short: 2 bytes, and the dimension alone takes 4",
        "empty.fvecs: the file is empty",
        "dir.fvecs: is a directory, and a file is wanted",
        "absent.fvecs: no such file",
        "a.fvecs: vectors have 8 dimensions, and 128 are wanted",
        "a.fvecs: there is no row 701: the file has 700",
        "a.fvecs.gz: the extension ".gz" names no known kind of data set (.npy, .fvecs, .bvecs, .ivecs, .hdf5, .h5, .parquet, .csv, .jsonl, .ndjson)",
        "a.fvecs: this is not an npy file: it does not begin with \\x93NUMPY",
      ]
    `);
  });
});

describe("HDF5 in the layout of ann-benchmarks", () => {
  beforeAll(async () => {
    const { default: h5 } = await import("h5wasm/node");
    await h5.ready;
    const write = (name: string, more: (file: InstanceType<typeof h5.File>) => void) => {
      const file = new h5.File(at(name), "w");
      file.create_attribute("distance", "angular");
      file.create_dataset({ name: "train", data: flatten(vectors), shape: [700, 8], chunks: [100, 8], compression: 4 });
      more(file);
      file.close();
    };
    write("a.hdf5", (file) => {
      file.create_dataset({ name: "test", data: flatten(vectors.slice(0, 5)), shape: [5, 8] });
      file.create_dataset({ name: "neighbors", data: Int32Array.from({ length: 15 }, (_, i) => i), shape: [5, 3] });
      file.create_dataset({ name: "distances", data: Float32Array.from({ length: 15 }, (_, i) => i / 4), shape: [5, 3] });
    });
    write("odd.hdf5", (file) => {
      file.create_dataset({
        name: "test",
        data: flatten(vectors.slice(0, 5).with(4, vectors[4]!.with(2, Infinity))),
        shape: [5, 8],
      });
      file.create_dataset({ name: "neighbors", data: Int32Array.from({ length: 12 }, (_, i) => i), shape: [4, 3] });
      file.create_dataset({ name: "words", data: ["a", "b"], shape: [2, 1] });
      file.create_dataset({ name: "flat", data: Float32Array.of(1, 2), shape: [2] });
      file.create_group("group");
    });
  });

  test("train, test, neighbors and distances", async () => {
    await expectRows(at("a.hdf5"), vectors);
    await expectRows(at("a.hdf5"), vectors.slice(0, 5), { field: "test" });
    await withDataset(at("a.hdf5"), { field: "test" }, async (dataset) => {
      expect(dataset.distance).toBe("angular");
      expect(await dataset.neighbors!(1, 1)).toEqual([
        { rows: Int32Array.of(3, 4, 5), distances: Float32Array.of(0.75, 1, 1.25) },
      ]);
    });
    await withDataset(at("a.hdf5"), {}, async (dataset) => expect("neighbors" in dataset).toBe(false));
  });

  test("bad files", async () => {
    const good = readFileSync(at("a.hdf5"));
    writeFileSync(at("short.hdf5"), good.subarray(0, good.length - 500));
    writeFileSync(at("text.hdf5"), "not HDF5 at all, but long enough to look at".repeat(20));
    writeFileSync(at("empty.h5"), "");
    const messages = [
      await problemOf(at("short.hdf5")),
      await problemOf(at("text.hdf5")),
      await problemOf(at("empty.h5")),
      await problemOf(dir, { kind: "hdf5" }),
    ];
    for (const field of ["test", "words", "flat", "group", "nope"]) messages.push(await problemOf(at("odd.hdf5"), { field }));
    messages.push(await problemOf(at("a.hdf5"), { dim: 100 }));
    expect(messages.map((message) => message.replace(dir, "DIR"))).toMatchInlineSnapshot(`
      [
        "short.hdf5: cut short: the HDF5 file is smaller than its own superblock says",
        "text.hdf5: not a readable HDF5 file: file signature not found",
        "empty.h5: the file is empty",
        "DIR: is a directory, and a file is wanted",
        "odd.hdf5: /neighbors has 4 rows, /test has 5",
        "odd.hdf5: /words: components of type "S" are not supported",
        "odd.hdf5: /flat has the shape (2): one row per vector, so 2 dimensions, is what is read",
        "odd.hdf5: /group is a group, and a data set is wanted",
        "odd.hdf5: has no data set /nope; it has /flat, /group, /neighbors, /test, /train, /words",
        "a.hdf5: vectors have 8 dimensions, and 100 are wanted",
      ]
    `);
  });
});

describe("Parquet", () => {
  const texts = vectors.map((_, i) => `passage ${i}, “quoted”`);
  beforeAll(() => {
    const emb = vectors.map((row) => [...row]);
    parquetWriteFile({
      filename: at("a.parquet"),
      columnData: [
        { name: "id", data: vectors.map((_, i) => i) },
        { name: "text", data: texts },
        { name: "emb", data: emb },
      ],
      schema: [
        { name: "root", num_children: 3 },
        { name: "id", type: "INT32", repetition_type: "REQUIRED" },
        { name: "text", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
        ...listOfFloats("emb"),
      ],
      rowGroupSize: 200,
    });
    parquetWriteFile({
      filename: at("odd.parquet"),
      columnData: [{ name: "emb", data: emb.with(3, [1, 2]).with(650, emb[650]!.with(1, Infinity)) }],
      schema: [{ name: "root", num_children: 1 }, ...listOfFloats("emb")],
    });
    parquetWriteFile({ filename: at("ids.parquet"), columnData: [{ name: "id", data: [1, 2], type: "INT32" }] });
  });

  test("vectors and texts, across row groups", async () => {
    await expectRows(at("a.parquet"), vectors);
    await expectRows(at("a.parquet"), vectors, { field: "emb" });
    await withDataset(at("a.parquet"), {}, async (dataset) =>
      expect(await dataset.texts!(199, 2)).toEqual(texts.slice(199, 201)),
    );
    await withDataset(at("a.parquet"), { field: "text" }, async (dataset) => expect(dataset.dim).toBe(0));
  });

  test("bad files", async () => {
    const good = readFileSync(at("a.parquet"));
    writeFileSync(at("short.parquet"), good.subarray(0, good.length - 9));
    const messages = [
      await problemOf(at("short.parquet")),
      await problemOf(at("odd.parquet")),
      await problemOf(at("odd.parquet"), {}, (dataset) => dataset.rowsOf(600, 100)),
      await problemOf(at("ids.parquet")),
      await problemOf(at("a.parquet"), { field: "nope" }),
      await problemOf(at("a.parquet"), { field: "id" }),
      await problemOf(at("a.parquet"), { field: "text" }),
    ];
    expect(messages).toMatchInlineSnapshot(`
      [
        "short.parquet: not a readable Parquet file, or cut short: parquet file invalid (footer != PAR1)",
        "odd.parquet: row 3: has 2 dimensions, the first row has 8",
        "odd.parquet: row 650: component 1 is Infinity, not a finite number",
        "ids.parquet: has no column of vectors or texts; it has id",
        "a.parquet: has no column "nope"; it has id, text, emb",
        "a.parquet: column "id" holds neither lists of numbers nor texts",
        "a.parquet: has no column that is a list of numbers",
      ]
    `);
  });
});

describe("JSONL and CSV", () => {
  test("vectors, in every form", async () => {
    writeFileSync(at("a.jsonl"), vectors.map((row) => JSON.stringify([...row])).join("\n"));
    await expectRows(at("a.jsonl"), vectors);
    writeFileSync(
      at("b.ndjson"),
      vectors.map((row, i) => `${JSON.stringify({ id: i, embedding: [...row], text: `t${i}\n` })}\r\n\r\n`).join(""),
    );
    await expectRows(at("b.ndjson"), vectors);
    await withDataset(at("b.ndjson"), {}, async (dataset) => expect(await dataset.texts!(698, 9)).toEqual(["t698\n", "t699\n"]));
    writeFileSync(at("a.csv"), vectors.map((row) => row.join(",")).join("\n"));
    await expectRows(at("a.csv"), vectors);
    writeFileSync(at("b.csv"), `\uFEFFx0,x1,x2,x3,x4,x5,x6,x7\r\n${vectors.map((row) => row.join(",")).join("\r\n")}\r\n`);
    await expectRows(at("b.csv"), vectors);
    writeFileSync(
      at("c.csv"),
      `id,text,emb\n${vectors.map((row, i) => `${i},"a ""${i}""\nsecond, line","${JSON.stringify([...row])}"`).join("\n")}\n`,
    );
    await expectRows(at("c.csv"), vectors);
    await withDataset(at("c.csv"), {}, async (dataset) =>
      expect(await dataset.texts!(300, 1)).toEqual(['a "300"\nsecond, line']),
    );
  });

  test("texts", async () => {
    writeFileSync(at("q.jsonl"), '"first"\n"second"\n');
    await withDataset(at("q.jsonl"), {}, async (dataset) => {
      expect([dataset.rows, dataset.dim, await dataset.texts!(0, 5)]).toEqual([2, 0, ["first", "second"]]);
    });
    await withDataset("test/data/cranfield/queries.jsonl", { field: "text" }, async (dataset) => {
      expect(dataset.rows).toBeGreaterThan(200);
      expect((await dataset.texts!(0, 1))[0]).toMatch(/what similarity laws/);
    });
  });

  test("bad files", async () => {
    const files: Record<string, string> = {
      "ragged.jsonl": "[1,2,3]\n[1,2]\n",
      "word.jsonl": '[1,2,3]\n[1,"two",3]\n',
      "broken.jsonl": "[1,2,3]\n[1,2,\n",
      "overflow.jsonl": "[1,2,3]\n[1,1e999,3]\n",
      "number.jsonl": "7\n",
      "fields.jsonl": '{"id":1,"name":7}\n',
      "blank.jsonl": "\n \n\r\n",
      "empty.jsonl": "",
      "ragged.csv": "1,2,3\n1,2\n",
      "word.csv": "1,2,3\n1,two,3\n",
      "hole.csv": "1,2,3\n1,,3\n",
      "nan.csv": "1,2,3\n1,NaN,3\n",
      "header.csv": "a,b,c\n",
      "list.csv": 'id,emb\n1,"[1,2]"\n2,"[1,2"\n',
    };
    const messages: string[] = [];
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(at(name), text);
      messages.push(await problemOf(at(name)));
    }
    messages.push(
      await problemOf(at("q.jsonl")),
      await problemOf(at("c.csv"), { field: "nope" }),
      await problemOf(at("b.ndjson"), { field: "nope" }),
    );
    expect(messages).toMatchInlineSnapshot(`
      [
        "ragged.jsonl: row 1: has 2 dimensions, the first row has 3",
        "word.jsonl: row 1: component 1 is "two", not a finite number",
        "broken.jsonl: row 1: not JSON: Unexpected end of JSON input",
        "overflow.jsonl: row 1: component 1 is Infinity, not a finite number",
        "number.jsonl: row 0: is neither an array, a text nor an object",
        "fields.jsonl: row 0: has no field with a vector or a text; it has id, name",
        "blank.jsonl: holds no rows",
        "empty.jsonl: the file is empty",
        "ragged.csv: row 1: has 2 dimensions, the first row has 3",
        "word.csv: row 1: component 1 is "two", not a number",
        "hole.csv: row 1: component 1 is empty",
        "nan.csv: row 1: component 1 is NaN, not a finite number",
        "header.csv: holds a header and no rows",
        "list.csv: row 1: "[1,2" is no list of numbers such as [0.1, 0.2]",
        "q.jsonl: holds texts, and vectors are wanted",
        "c.csv: has no column "nope"; it has id, text, emb",
        "b.ndjson: row 0: has no field "nope" with a vector or a text; it has id, embedding, text",
      ]
    `);
  });
});

test("a large flat file is never read whole", async () => {
  // 400 MB of zeros after the header, sparse on disk: reading all of it would show in the memory of the process.
  const { open } = await import("node:fs/promises");
  const header = npyBytes([], { shape: [1_000_000, 100] });
  const handle = await open(at("large.npy"), "w");
  await handle.write(header);
  await handle.truncate(header.length + 400_000_000);
  await handle.close();
  const before = process.memoryUsage().rss;
  await withDataset(at("large.npy"), {}, async (dataset) => {
    for (let start = 0; start < 1_000_000; start += 50_000)
      expect((await dataset.rowsOf(start, 2))[1]).toEqual(new Float32Array(100));
  });
  expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
});

test("compressed columns", async () => {
  expect(gzipSync("x").length).toBeGreaterThan(0);
  parquetWriteFile({
    filename: at("gzip.parquet"),
    columnData: [{ name: "emb", data: vectors.map((row) => [...row]) }],
    schema: [{ name: "root", num_children: 1 }, ...listOfFloats("emb")],
    codec: "GZIP",
    compressors: { GZIP: (bytes: Uint8Array) => gzipSync(bytes) },
  });
  await expectRows(at("gzip.parquet"), vectors);
});
