import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { listInputs } from "../../../src/ingest/inputs/list.ts";
import { clusteredVectors, npyBytes } from "../../helpers/dataset-files.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { brief, read, readFile } from "./read.ts";

const lines = Array.from({ length: 20_000 }, (_, id) => JSON.stringify({ id, text: `text of number ${(id * 7919) % 5003}` }));
const packers = { gzip: gzipSync, zstd: zstdCompressSync };

describe.each(["gzip", "zstd"] as const)("%s", (compression) => {
  const packed = packers[compression](lines.join("\n"));
  const file = { compression };

  it("is unpacked for every reader, with places in what it unpacks to", async () => {
    const items = await read("jsonl", packed, { file });
    expect(items).toHaveLength(20_000);
    const { origin } = items[4321]!;
    expect(origin).toEqual({ source: "in", line: 4322, offset: lines.slice(0, 4321).join("\n").length + 1 });
    const from = { line: origin.line!, offset: origin.offset! };
    expect((await read("jsonl", packed, { file, from })).length).toBe(20_000 - 4321);

    expect(brief(await read("csv", packers[compression]("id,text\na,b"), { file }))).toEqual(["a: b"]);
    expect(brief(await read("text", packers[compression]("hello"), { file }))).toEqual(["in: hello"]);
    const vectors = clusteredVectors(10, 4);
    const points = await read("npy", packers[compression](npyBytes(vectors)), { file });
    expect(points.map((item) => item.kind === "document" && item.vector)).toEqual(vectors);
  });

  it("cut short gives all whole lines before the cut, and says where it ended", async () => {
    const items = await read("jsonl", packed.subarray(0, packed.length >> 1), { file });
    const dead = items.filter(({ kind }) => kind === "dead");
    const last = items.length;
    expect(last).toBeGreaterThan(1000);
    expect(dead).toEqual([
      {
        kind: "dead",
        origin: { source: "in", line: last, offset: lines.slice(0, last - 1).join("\n").length + 1 },
        stage: "read",
        reason: "the file could not be read on: the compressed data is cut short",
        rest: true,
      },
    ]);
    expect(brief(items.slice(0, -1))).toEqual(
      lines.slice(0, last - 1).map((line) => `${JSON.parse(line).id}: ${JSON.parse(line).text}`),
    );
  });

  it("that it is not is dead", async () => {
    const what = compression === "gzip" ? "it is not gzip data" : "it is not zstd data";
    expect(brief(await read("jsonl", '{"id":1,"text":"x"}', { file }))).toEqual([
      `dead 1: the file could not be read on: ${what}`,
    ]);
    expect(brief(await read("text", "plain", { file }))).toEqual([`dead file: the file could not be read: ${what}`]);
  });
});

describe("standard input", () => {
  it.each([
    ["as it is", (text: string) => Buffer.from(text)],
    ["gzip", (text: string) => gzipSync(text)],
    ["zstd", (text: string) => zstdCompressSync(text)],
  ])("is read once, %s, byte by byte or at once", async (_, pack) => {
    const packed = pack("id,text\na,b\nc,d\n");
    for (const blocks of [[packed], Array.from(packed, (byte) => Buffer.from([byte]))]) {
      const { files } = await listInputs(["-", "-"], { cwd: "/", format: "csv", stdin: Readable.from(blocks) });
      expect(files).toHaveLength(1);
      expect(brief(await readFile(files[0]!))).toEqual(["a: b", "c: d"]);
    }
  });

  it("must be said to be of some format", async () => {
    await expect(listInputs(["-"], { cwd: "/", stdin: Readable.from([]) })).rejects.toMatchObject({
      details: [{ file: "-", message: expect.stringContaining("--format") }],
    });
  });
});

describe("names", () => {
  it("say what is in a compressed file", async () => {
    const cwd = tempDir({ "d/a.jsonl.gz": "", "d/b.CSV.zst": "", "d/c.gz": "", "d/e.tar.gz": "" });
    const listing = await listInputs(["d"], { cwd });
    expect(listing.files.map(({ name, reader, compression }) => [name, reader, compression])).toEqual([
      ["d/a.jsonl.gz", "jsonl", "gzip"],
      ["d/b.CSV.zst", "csv", "zstd"],
    ]);
    expect(listing.ignored).toBe(2);
    expect((await listInputs(["d/c.gz"], { cwd, format: "text" })).files).toMatchObject([
      { reader: "text", compression: "gzip" },
    ]);
  });

  it("may be patterns", async () => {
    const cwd = tempDir({
      "d/b.md": "",
      "d/a.md": "",
      "d/.h.md": "",
      "d/e/c.md": "",
      "d/e/f.txt": "",
      "d/x.bin": "",
      "[a].md": "",
    });
    const names = async (...paths: string[]) => (await listInputs(paths, { cwd })).files.map(({ name }) => name);
    expect(await names("d/*.md")).toEqual(["d/a.md", "d/b.md"]);
    expect(await names("d/**/*.{md,txt}")).toEqual(["d/a.md", "d/b.md", "d/e/c.md", "d/e/f.txt"]);
    expect(await names("d/*")).toEqual(["d/a.md", "d/b.md", "d/e/c.md", "d/e/f.txt"]);
    // A file that is there is meant, whatever its name.
    expect(await names("[a].md")).toEqual(["[a].md"]);
    await expect(listInputs(["d/*.nope", "d/*.bin"], { cwd })).rejects.toMatchObject({
      details: [
        { file: "d/*.nope", message: "no file matches this pattern" },
        { file: "d/*.bin", message: expect.stringContaining("nothing that this pattern matches can be read") },
      ],
    });
  });

  it("of two files of numbered rows are one too many", async () => {
    const cwd = tempDir({ "a.npy": "x", "b.fvecs": "x" });
    await expect(listInputs(["a.npy", "b.fvecs"], { cwd })).rejects.toMatchObject({
      details: [{ file: "b.fvecs", message: expect.stringContaining("--id-prefix") }],
    });
  });
});

it("what cannot be read again is kept whole in its dead letter", async () => {
  const text = "x".repeat(2 ** 21);
  const line = JSON.stringify({ id: "a", body: text });
  const { files } = await listInputs(["-"], { cwd: "/", format: "jsonl", stdin: Readable.from([Buffer.from(line)]) });
  const [dead] = await readFile(files[0]!);
  expect(dead).toMatchObject({ kind: "dead", origin: { source: "-", line: 1 } });
  expect((dead as { record: string }).record === line).toBe(true);
  expect((await read("jsonl", line))[0]).not.toHaveProperty("record");
});
