import { execFileSync } from "node:child_process";
import { chmodSync, createWriteStream, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { npyBytes } from "../../helpers/dataset-files.ts";
import { docxBytes, pdfBytes, zipBytes } from "../../helpers/documents.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { fakeCluster } from "./fake-cluster.ts";
import { readFile } from "./read.ts";
import { ingest } from "./set-up.ts";

const good = '{"id":"good","text":"good"}\n';

/** Every kind of bad input beside a good document: what becomes of both. */
const cases: [name: string, file: string, content: string | Uint8Array, dead: string[], stored: string[]][] = [
  ["a corrupt PDF", "a.pdf", pdfBytes(["x"]).subarray(0, 60), ["it is no PDF that can be read: Invalid PDF structure."], []],
  [
    "an encrypted PDF",
    "a.pdf",
    pdfBytes(["x"], { encrypted: true }),
    ["the PDF is encrypted, and opens with a password only"],
    [],
  ],
  [
    "a DOCX that is a zip of something else",
    "a.docx",
    zipBytes({ "a.txt": "x" }),
    ["it is no Word document that can be read: Could not find main document part. Are you sure this is a valid .docx file?"],
    [],
  ],
  ["a DOCX cut short", "a.docx", docxBytes(["x"]).subarray(0, 500), [expect.stringMatching(/^it is no Word document/)], []],
  [
    "a Parquet file cut short",
    "a.parquet",
    Buffer.from("PAR1 and then nothing"),
    [expect.stringMatching(/^not a readable Parquet file, or cut short: /)],
    [],
  ],
  [
    "a truncated gzip",
    "a.jsonl.gz",
    gzipSync(`${good.replaceAll("good", "whole")}{"id":"cut"`).subarray(0, -4),
    ["the file could not be read on: the compressed data is cut short"],
    ["whole#0"],
  ],
  ["a CSV with a stray quote", "a.csv", 'id,text\na,"x\nb,y\n', ["a quote in it opens, and nothing closes it"], ["b#0"]],
  ["an unpaired surrogate", "a.jsonl", String.raw`{"id":"a","text":"\ud83d"}`, ['field "text" has half of a surrogate pair'], []],
  ["a NUL in text", "a.txt", "x\0y", ["the file has a NUL character"], []],
  ["a NUL in JSON", "a.jsonl", '{"id":"a","text":"x\0"}', [expect.stringMatching(/^not JSON: /)], []],
  ["an empty text file", "a.txt", "", [], []],
  ["an empty JSONL file", "a.jsonl", "", [], []],
  ["a byte-order mark and CRLF", "a.jsonl", '\ufeff{"id":"a","text":"x"}\r\n', [], ["a#0"]],
  ["Latin-1", "a.md", Buffer.from("caf\u00e9", "latin1"), ["the file is not valid UTF-8: byte 0xe9 at 3"], []],
  [
    "NaN in a vector",
    "a.jsonl",
    '{"id":"a","vector":[1,NaN]}\n{"id":"b","vector":[1,null]}',
    [expect.stringMatching(/^not JSON: /), 'field "vector" has null as component 1, not a number'],
    [],
  ],
  [
    "two documents of one id",
    "a.jsonl",
    '{"id":"a","text":"first"}\n{"id":"a","text":"second"}',
    ['another document of this run has the id "a"'],
    ["a#0"],
  ],
];

describe("bad input costs itself and nothing else:", () => {
  it.each(cases)("%s", async (_, file, content, dead, stored) => {
    const cwd = tempDir({ "z.jsonl": good });
    writeFileSync(join(cwd, file), content);
    const cluster = fakeCluster();
    const { result, dead: letters } = await ingest({ cluster, cwd, paths: ["."] });
    expect(letters.map(({ reason }) => reason)).toEqual(dead);
    expect(letters.every(({ origin }) => origin.source === file)).toBe(true);
    expect([...cluster.points("docs").keys()].toSorted()).toEqual([...stored, "good#0"].toSorted());
    expect(result.documents.dead).toBe(dead.length);
  });

  it("a vector of another dimension", async () => {
    const lines = ['{"id":"a","vector":[1,2]}', '{"id":"b","vector":[1,2,3]}', '{"id":"c","vector":[3,4]}'];
    const cwd = tempDir({ "a.jsonl": lines.join("\n") });
    const cluster = fakeCluster();
    const { dead } = await ingest({ cluster, cwd, paths: ["a.jsonl"] });
    expect(dead).toMatchObject([{ id: "b", reason: expect.stringContaining("3 dimensions"), record: lines[1] }]);
    expect([...cluster.points("docs").keys()]).toEqual(["a", "c"]);
  });

  it("a symlink loop", async () => {
    const cwd = tempDir({ "d/a.jsonl": good });
    symlinkSync("..", join(cwd, "d/up"));
    symlinkSync("loop", join(cwd, "d/loop"));
    const cluster = fakeCluster();
    const { dead } = await ingest({ cluster, cwd, paths: ["d"] });
    expect(dead).toMatchObject([{ origin: { source: "d/loop" }, reason: "its symbolic links lead in a circle" }]);
    expect([...cluster.points("docs").keys()]).toEqual(["good#0"]);
  });

  it("a file deleted between being found and being read, of every kind", async () => {
    const cwd = tempDir();
    const kinds = [
      "jsonl",
      "csv",
      "parquet",
      "markdown",
      "text",
      "html",
      "pdf",
      "docx",
      "npy",
      "fvecs",
      "bvecs",
      "hdf5",
    ] as const;
    for (const reader of kinds) {
      const items = await readFile({ path: join(cwd, "gone"), name: "gone", bytes: 9, reader });
      expect(items, reader).toHaveLength(1);
      expect(items[0], reader).toMatchObject({ kind: "dead", reason: expect.stringMatching(/no such file/) });
    }
  });

  it("a file that is a folder by now, of every kind", async () => {
    const cwd = tempDir({ "d/x": "" });
    for (const reader of ["jsonl", "csv", "parquet", "text", "pdf", "npy", "hdf5"] as const) {
      const items = await readFile({ path: join(cwd, "d"), name: "d", bytes: 9, reader });
      expect(items, reader).toMatchObject([{ kind: "dead", reason: expect.stringMatching(/is a (folder|directory)/) }]);
    }
  });

  it.skipIf(process.getuid?.() === 0)("a file that may not be read", async () => {
    const cwd = tempDir({ "a.jsonl": good });
    chmodSync(join(cwd, "a.jsonl"), 0);
    const { dead } = await ingest({ cluster: fakeCluster(), cwd, paths: ["."] });
    expect(dead).toMatchObject([{ reason: "the file could not be read on: reading it is not permitted" }]);
  });

  it.skipIf(process.platform !== "linux")("a file that opens and cannot be read", async () => {
    const file = { path: "/proc/self/mem", name: "mem", bytes: 0 };
    for (const reader of ["jsonl", "csv", "text", "html", "pdf"] as const)
      expect(await readFile({ ...file, reader }), reader).toMatchObject([
        { kind: "dead", reason: expect.stringMatching(/^the file could not be read( on)?: EIO/) },
      ]);
  });

  it("a file deleted while it is read is read to its end", async () => {
    const cwd = tempDir();
    const path = join(cwd, "a.jsonl");
    writeFileSync(path, Array.from({ length: 20_000 }, (_, id) => `{"id":${id},"text":"x"}`).join("\n"));
    const cluster = fakeCluster();
    cluster.state.beforeWrite = async () => rmSync(path, { force: true });
    const { result } = await ingest({ cluster, cwd, paths: ["a.jsonl"] });
    expect(result.documents).toMatchObject({ read: 20_000, ok: 20_000, dead: 0 });
  });
});

/** A child so that its memory can be limited, and measured by itself. */
function readInChild(path: string, reader: string, heapMb: number): { items: number; dead: string[]; grownMb: number } {
  const script = `
    const { readers } = await import(${JSON.stringify(join(import.meta.dirname, "../../../src/ingest/readers/index.ts"))});
    const { defaultReaderOptions } = await import(${JSON.stringify(join(import.meta.dirname, "../../../src/ingest/readers/fields.ts"))});
    const [path, reader] = process.argv.slice(1);
    const context = { signal: new AbortController().signal, onBytes: () => {} };
    let items = 0;
    let early = 0;
    const dead = [];
    for await (const item of readers[reader].read({ path, name: "in", bytes: 1, reader }, defaultReaderOptions, context)) {
      if (++items === 5000) early = process.resourceUsage().maxRSS;
      if (item.kind === "dead") dead.push(item.origin.line + ": " + item.reason);
    }
    console.log(JSON.stringify({ items, dead, grownMb: (process.resourceUsage().maxRSS - early) / 1024 }));`;
  const flags = [`--max-old-space-size=${heapMb}`, "--input-type=module", "-e", script];
  return JSON.parse(execFileSync(process.execPath, [...flags, path, reader], { encoding: "utf8" }));
}

describe("large input", () => {
  it("of a 50 MB line is a document; of a longer line than may be, a dead letter by its place", { timeout: 60_000 }, async () => {
    const cwd = tempDir();
    const path = join(cwd, "a.jsonl");
    const out = createWriteStream(path);
    out.write('{"id":"a","text":"');
    for (let mb = 0; mb < 50; mb++) out.write("x".repeat(2 ** 20));
    out.write(`"}\n${good}{"id":"b","text":"`);
    for (let mb = 0; mb < 70; mb++) out.write("y".repeat(2 ** 20));
    out.end(`"}\n${good}`);
    await finished(out);
    const { items, dead } = readInChild(path, "jsonl", 400);
    expect({ items, dead }).toEqual({
      items: 4,
      dead: [`3: the line has ${70 * 2 ** 20 + 20} bytes; at most ${64 * 2 ** 20} are read`],
    });
  });

  it.each(["jsonl", "csv"])("of 50 MB of %s is read in a heap of 25 MB", { timeout: 120_000 }, async (kind) => {
    const path = join(tempDir(), `a.${kind}`);
    const out = createWriteStream(path);
    const text = "words of a text ".repeat(60);
    const line = (id: number) => (kind === "csv" ? `${id},"${text}, ""quoted"""\n` : `{"id":${id},"text":"${text}"}\n`);
    if (kind === "csv") out.write("id,text\n");
    for (let block = 0; block < 50; block++) {
      const lines = Array.from({ length: 1000 }, (_, at) => line(block * 1000 + at)).join("");
      if (!out.write(lines)) await new Promise((resolve) => out.once("drain", resolve));
    }
    out.end();
    await finished(out);
    const { items, dead, grownMb } = readInChild(path, kind, 25);
    expect({ items, dead }).toEqual({ items: 50_000, dead: [] });
    // From a tenth of the file to its end.
    expect(grownMb).toBeLessThan(30);
  });
});

it("rows of a vector file are points under their numbers", async () => {
  const cwd = tempDir();
  writeFileSync(
    join(cwd, "a.npy"),
    npyBytes([
      [1, 2],
      [3, 4],
    ]),
  );
  const cluster = fakeCluster();
  const { result } = await ingest({ cluster, cwd, paths: ["a.npy"] });
  expect(result.documents).toMatchObject({ ok: 2 });
  expect(cluster.points("docs").get("1")).toEqual({
    key: "1",
    vector: new Float32Array([3, 4]),
    payload: {
      _ragctl_doc: "1",
      _ragctl_source: "a.npy",
      _ragctl_chunk: 0,
      _ragctl_chunks: 1,
      _ragctl_hash: expect.stringMatching(/^[0-9a-f]{32}$/),
    },
  });
});
