import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { ReferenceBatch } from "../../../../src/cache/sizing/contract.ts";
import { hashKey } from "../../../../src/cache/sizing/hash.ts";
import { readTrace, type ReadOptions, type TraceInput, type TraceShape } from "../../../../src/cache/sizing/read/open.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { tempDir } from "../../../helpers/temp-dir.ts";

interface Read {
  shape: TraceShape;
  references: number;
  hashes: string[];
  bytes: number[];
  timeUs: number[];
}

async function read(
  content: string | Buffer,
  name = "trace.txt",
  more: Partial<TraceInput & ReadOptions & { threshold: number }> = {},
): Promise<Read> {
  const dir = tempDir();
  writeFileSync(join(dir, name), content);
  return await readFrom({ file: join(dir, name), ...more });
}

async function readFrom({
  threshold = 2 ** 32,
  ...more
}: Partial<TraceInput & ReadOptions> & { threshold?: number }): Promise<Read> {
  const found: Read = { shape: { format: "keys", sized: false, timed: false }, references: 0, hashes: [], bytes: [], timeUs: [] };
  const sink = {
    threshold,
    take({ length, low, high, bytes, timeUs }: ReferenceBatch, references: number) {
      found.references += references;
      for (let i = 0; i < length; i++) {
        found.hashes.push(`${low[i]} ${high[i]}`);
        found.bytes.push(bytes[i]!);
        found.timeUs.push(timeUs[i]!);
      }
    },
  };
  const input = { kind: "trace" as const, stdin: new PassThrough(), file: "-", ...more };
  const returned = await readTrace(input, (shape) => {
    found.shape = shape;
    return { sink, seed: 0, entryBytes: 10, overheadBytes: 1, timed: false, ...more };
  });
  expect(returned).toBe(found.references);
  return found;
}

function hashOf(key: string): string {
  const [low, high] = [new Int32Array(1), new Int32Array(1)];
  const bytes = Buffer.from(key);
  hashKey(bytes, 0, bytes.length, 0, low, high, 0);
  return `${low[0]} ${high[0]}`;
}

const hashesOf = (keys: string[]) => keys.map(hashOf);

/** The problems of a refusal, without the directory. */
async function refusal(reading: Promise<Read>): Promise<string[]> {
  const error = await reading.then(
    () => undefined,
    (error: { exitCode: number; details: { line?: number; message: string }[] }) => error,
  );
  expect(error?.exitCode).toBe(2);
  return error!.details.map(({ line, message }) => `${line ?? "-"}: ${message}`);
}

describe("keys, one a line", () => {
  test("Windows line ends, blank lines, a byte order mark and a missing last line feed are no part of a key", async () => {
    const { hashes, bytes, shape } = await read("\uFEFFa\r\nb,c\r\n\r\n a b\nlast");
    expect(hashes).toEqual(hashesOf(["a", "b,c", " a b", "last"]));
    expect(bytes).toEqual([10, 10, 10, 10]);
    expect(shape).toEqual({ format: "keys", sized: false, timed: false });
  });

  test("lines across the borders of blocks, in whatever pieces they come", async () => {
    const rng = seededRng(4);
    const keys = Array.from({ length: 60_000 }, (_, i) => `${i}:${"x".repeat(Math.floor(rng() * 60))}`);
    const text = Buffer.from(keys.join("\n"));
    const expected = hashesOf(keys);
    expect((await read(text)).hashes).toEqual(expected);
    const stdin = new PassThrough();
    const reading = readFrom({ stdin });
    for (let at = 0; at < text.length;) {
      const length = 1 + Math.floor(rng() * 50_000);
      stdin.write(text.subarray(at, at + length));
      at += length;
    }
    stdin.end();
    expect((await reading).hashes).toEqual(expected);
  });

  test("gzip and Zstandard, by their bytes; stdin too", async () => {
    const keys = Array.from({ length: 5000 }, (_, i) => `key:${i % 700}`);
    const text = keys.join("\n");
    for (const [name, packed] of [
      ["t.gz", gzipSync(text)],
      ["t.zst", zstdCompressSync(text)],
      ["t.txt", gzipSync(text)],
      ["t.gz", Buffer.concat([gzipSync(text.slice(0, 1000)), gzipSync(text.slice(1000))])],
    ] as const)
      expect((await read(packed, name)).hashes).toEqual(hashesOf(keys));
    const stdin = new PassThrough();
    stdin.end(gzipSync(text));
    expect((await readFrom({ stdin })).references).toBe(5000);
  });

  test("keys that are not sampled are counted and not passed on", async () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `key:${i}`);
    const threshold = 2 ** 32 * 0.1;
    const { references, hashes } = await read(keys.join("\n"), "t.txt", { threshold });
    expect(references).toBe(20_000);
    expect(hashes).toEqual(hashesOf(keys).filter((hash) => Number(hash.split(" ")[0]) >>> 0 < threshold));
  });
});

describe("CSV", () => {
  test("columns by their header, in any order; quotes where they are needed", async () => {
    const { hashes, bytes, shape } = await read(
      'timestamp,Key,note,size\r\n1,a,x,5\r\n2,"a,""b""\nc",y,6\n3,b,"""",7\n4,c"d,,8',
      "t.txt",
    );
    expect(hashes).toEqual(hashesOf(["a", 'a,"b"\nc', "b", 'c"d']));
    expect(bytes).toEqual([6, 7, 8, 9]);
    expect(shape).toEqual({ format: "csv", sized: true, timed: true });
  });

  test("times to the microsecond, and only where they are wanted", async () => {
    const text = "key,timestamp\na,1700000000.25\nb,2023-11-14T22:13:21Z\nc,1700000002000\n";
    const { timeUs } = await read(text, "t.csv", { timed: true });
    expect(timeUs).toEqual([1_700_000_000_250_000, 1_700_000_001_000_000, 1_700_000_002_000_000]);
    expect((await read("key,timestamp\na,nonsense\n", "t.csv")).references).toBe(1);
  });

  test("without a header: key, size, timestamp, or the columns that are named", async () => {
    expect((await read("a,5,1\nb,6,2\n", "t.csv")).bytes).toEqual([6, 7]);
    const twitter = await read("0,key1,4,100,7,get,0\n0,key2,4,200,7,get,0\n", "t.txt", {
      columns: ["timestamp", "key", "_", "size", "_", "_", "_"],
    });
    expect(twitter.hashes).toEqual(hashesOf(["key1", "key2"]));
    expect(twitter.bytes).toEqual([101, 201]);
  });

  test("what is wrong has its line, quoted line feeds counted", async () => {
    const text = 'key,size\na,5\nb,-6\n"c\nd",7\ne\nf,g,8\n,9\n"h"x,1\ni,many\nj,\n';
    expect(await refusal(read(text, "t.csv"))).toEqual([
      "3: the size is negative: -6",
      "6: has 1 column, and 2 are expected",
      "7: has 3 columns, and 2 are expected",
      "8: the key is empty",
      "9: something follows a closing quote",
      '10: expected a size in bytes, got "many"',
      '11: expected a size in bytes, got ""',
    ]);
    expect(await refusal(read('key,size\na,5\n"b,6\nc,7\n', "t.csv"))).toEqual(["3: a quote is opened and never closed"]);
    expect(await refusal(read("key,timestamp\na,2\nb,1\nc,soon\n", "t.csv", { timed: true }))).toEqual([
      "3: is earlier than the line before it: sort the trace by time",
      '4: expected a time such as 2026-01-31T12:00:00.5Z or seconds since the epoch, got "soon"',
    ]);
    expect(await refusal(read("who,what\na,b\n", "t.csv"))).toEqual([expect.stringMatching(/^1: has no column of key, /)]);
  });

  test("at most twenty mistakes are told", async () => {
    expect(await refusal(read(`key,size\n${"a,-1\n".repeat(50)}`, "t.csv"))).toHaveLength(20);
  });
});

describe("query logs", () => {
  test("JSONL: a query is its normalised text, a key is itself; sizes and times by their usual names", async () => {
    const log = [
      { query: "What  is\tit? " },
      { q: "What is it?", id: "request 2" },
      { query: "caf\u0065\u0301", bytes: 70 },
      { cache_key: "k 1 ", query: "other" },
    ];
    const { hashes, bytes, shape } = await read(`${log.map((row) => JSON.stringify(row)).join("\n")}\n"plain"\n`, "t.jsonl", {
      kind: "log",
    });
    expect(hashes).toEqual(hashesOf(["What is it?", "What is it?", "café", "k 1 ", "plain"]));
    expect(bytes).toEqual([10, 10, 71, 10, 10]);
    expect(shape).toEqual({ format: "jsonl", sized: false, timed: false });
  });

  test("CSV with a column of queries, or one query a line", async () => {
    const csv = await read('id,question\n1,"  Who,  me?"\n2,you\n', "t.csv", { kind: "log" });
    expect(csv.hashes).toEqual(hashesOf(["Who, me?", "you"]));
    const lines = await read("Who,  me?\nyou\n", "t.txt", { kind: "log" });
    expect(lines.hashes).toEqual(hashesOf(["Who, me?", "you"]));
    expect(lines.shape.format).toBe("queries");
  });

  test("what is wrong has its line", async () => {
    expect(
      await refusal(read('{"query":"a"}\nnot json\n{"x":1}\n{"query":"b","size":-1}\n{"query":" "}\n', "t", { kind: "log" })),
    ).toEqual([
      "2: is not JSON",
      expect.stringMatching(/^3: has no key and no query/),
      "4: the size is negative: -1",
      "5: the key is empty",
    ]);
    expect(await refusal(read('{"query":"a"}\n', "t"))).toEqual(["1: holds JSON: give it to --log instead of --trace"]);
  });
});

describe("files that are no traces", () => {
  test.each([
    ["empty", "", "-: is empty"],
    ["only blank lines", "\n\r\n\n", "-: holds no references"],
    ["only a header", "key,size\n", "-: holds no references"],
    ["a NUL byte", "a\nb\nc\0d\ne\n", "3: holds a NUL byte: is this a text file?"],
    ["UTF-16", Buffer.from("a\nb\n", "utf16le"), "1: holds a NUL byte: is this a text file?"],
  ])("%s", async (_, content, said) => {
    expect(await refusal(read(content))).toEqual([said]);
  });

  test("compressed data that is cut off, broken, or not compressed at all", async () => {
    const keys = Array.from({ length: 200_000 }, (_, i) => `key:${(i * 7919) % 100_003}`).join("\n");
    const packed = gzipSync(keys);
    const [cut] = await refusal(read(packed.subarray(0, packed.length - 20_000), "t.gz"));
    expect(cut).toMatch(/^\d{4,}: the gzip stream ends too early: was it copied whole\?$/);
    const broken = Buffer.from(packed);
    broken.fill(0xa5, 60_000, 60_200);
    expect((await refusal(read(broken, "t.gz")))[0]).toMatch(/the gzip stream is broken: /);
    const [zstd] = await refusal(read(zstdCompressSync(keys).subarray(0, 50_000), "t.zst"));
    expect(zstd).toMatch(/the zstd stream (ends too early|is broken)/);
    expect(await refusal(read("a\n", "t.gz"))).toEqual(["-: is not gzip, although its name says so"]);
  });

  test("a file that is not there", async () => {
    expect((await refusal(readFrom({ file: join(tempDir(), "none") })))[0]).toMatch(/^-: there is no such file/);
  });
});
