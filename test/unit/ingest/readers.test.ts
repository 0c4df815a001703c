import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { InputFile, Item, ReaderName } from "../../../src/ingest/contract.ts";
import { defaultReaderOptions } from "../../../src/ingest/readers/fields.ts";
import { readers } from "../../../src/ingest/readers/index.ts";
import { splitLines } from "../../../src/ingest/readers/lines.ts";
import { markdownTitle } from "../../../src/ingest/readers/formats.ts";
import { collect } from "./set-up.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

const options = defaultReaderOptions;

async function read(reader: ReaderName, content: string | Buffer): Promise<Item[]> {
  const dir = tempDir();
  writeFileSync(join(dir, "in"), content);
  return await readFile({ path: join(dir, "in"), name: "in", bytes: 0, reader });
}
async function readFile(file: InputFile): Promise<Item[]> {
  const signal = new AbortController().signal;
  return await collect(readers[file.reader].read(file, options, { signal, onBytes: () => {} }));
}

describe("JSONL", () => {
  it("gives a document a line: CRLF, blank lines, a byte-order mark and a last line without end", async () => {
    const items = await read("jsonl", '\ufeff{"id":"a","text":"one","title":" T ","n":1}\r\n\r\n  \n{"id":7,"text":"two"}');
    expect(items).toMatchObject([
      {
        kind: "document",
        id: "a",
        text: "one",
        title: "T",
        fields: { id: "a", title: " T ", n: 1 },
        origin: { source: "in", line: 1, offset: 0 },
      },
      { kind: "document", id: "7", text: "two", origin: { line: 4 } },
    ]);
  });

  it("makes an id of the content where there is none, the same for the same record", async () => {
    const items = await read("jsonl", '{"text":"one"}\n{"text":"one"}\n{"id":null,"text":"two"}\n');
    const [a, b, c] = items as { id: string; idFromContent: boolean }[];
    expect(a!.id).toMatch(/^sha256:[0-9a-f]{32}$/);
    expect([a!.id === b!.id, a!.id === c!.id, c!.idFromContent]).toEqual([true, false, true]);
  });

  it.each([
    ["{oops", /^not JSON: /],
    ["[1]", "a JSON object is wanted, this is an array"],
    ["null", "a JSON object is wanted, this is null"],
    ['"text"', "a JSON object is wanted, this is a string"],
    ['{"id":"a"}', 'no field "text" (--text-field names the field with the text)'],
    ['{"text":5}', 'field "text" is not text'],
    ['{"id":1.5,"text":"x"}', 'field "id" is neither text nor a whole number below 2^53'],
    ['{"id":{},"text":"x"}', 'field "id" is neither text nor a whole number below 2^53'],
    ['{"id":" ","text":"x"}', 'field "id" is empty'],
    [`{"id":"${"é".repeat(300)}","text":"x"}`, 'field "id" has 600 bytes; an id has at most 512'],
    [String.raw`{"id":"a","text":"half \ud83d"}`, 'field "text" has half of a surrogate pair'],
    [String.raw`{"id":"a","text":"x","deep":[{"\ude00":1}]}`, 'field "deep" has half of a surrogate pair'],
    [String.raw`{"id":"a","text":"nul \u0000"}`, 'field "text" has a NUL character'],
    ['{"id":"a","text":"x","_ragctl_v":1}', 'field "_ragctl_v": names that begin with _ragctl_ are ragctl\'s own'],
    [`{"text":"x","deep":${"[".repeat(100)}${"]".repeat(100)}}`, 'field "deep" is nested deeper than 64 levels'],
  ])("%s is dead, with its reason and itself", async (line, reason) => {
    const items = await read("jsonl", `{"id":"before","text":"ok"}\n${line}\n{"id":"after","text":"ok"}`);
    expect(items.map((item) => item.kind)).toEqual(["document", "dead", "document"]);
    expect(items[1]).toMatchObject({
      stage: "read",
      reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
      record: line,
      origin: { line: 2, offset: 28 },
    });
  });

  it("of bytes that are not UTF-8 is dead, and the next line is not", async () => {
    const items = await read(
      "jsonl",
      Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}\n{"text":"ok"}')]),
    );
    expect(items).toMatchObject([{ kind: "dead", reason: "not valid UTF-8: byte 0xc3 at 9" }, { kind: "document" }]);
  });

  it("that disappears is a dead letter, not the end", async () => {
    const items = await readFile({ path: "/nonexistent/x.jsonl", name: "x.jsonl", bytes: 0, reader: "jsonl" });
    expect(items).toMatchObject([{ kind: "dead", reason: "the file could not be read on: there is no such file or folder" }]);
  });
});

describe("whole files", () => {
  it("are one document each, called by their names", async () => {
    expect(await read("markdown", "# The *Title* of [it](x) #\n\ntext")).toEqual([
      {
        kind: "document",
        id: "in",
        idFromContent: false,
        origin: { source: "in" },
        text: "# The *Title* of [it](x) #\n\ntext",
        title: "The Title of it",
        format: "markdown",
        fields: { source: "in", title: "The Title of it" },
      },
    ]);
    expect(await read("text", "# no title")).toMatchObject([{ format: "text", fields: { source: "in" } }]);
  });

  it.each([
    [Buffer.from("a\0b"), "the file has a NUL character"],
    [Buffer.from([0xff, 0xfe, 0x41]), "the file is not valid UTF-8: byte 0xff at 0"],
  ])("%j are dead letters", async (content, reason) => {
    expect(await read("text", content)).toMatchObject([{ kind: "dead", reason, id: "in" }]);
  });

  it("that cannot be read are dead letters", async () => {
    const dir = tempDir();
    mkdirSync(join(dir, "folder.md"));
    for (const path of [join(dir, "folder.md"), join(dir, "gone.md")])
      expect(await readFile({ path, name: "x", bytes: 0, reader: "markdown" })).toMatchObject([{ kind: "dead" }]);
  });
});

it.each([
  ["text\n# Second line\n", "Second line"],
  ["## Not this\n", undefined],
  ["# ![badge](x)\n", undefined],
  ["#nospace\n", undefined],
  ["# `code` <b>x</b>", "code x"],
])("the title of %j is %j", (text, title) => {
  expect(markdownTitle(text)).toBe(title);
});

describe("lines", () => {
  const split = async (maxBytes: number, ...blocks: string[]) => {
    async function* source() {
      for (const block of blocks) yield Buffer.from(block);
    }
    const lines = await collect(splitLines(source(), maxBytes));
    return lines.map((line) => [line.number, line.offset, "tooLong" in line ? line.bytes : line.content.toString()]);
  };

  it.each([
    [
      ["a\nbb\n"],
      [
        [1, 0, "a"],
        [2, 2, "bb"],
      ],
    ],
    [
      ["a", "b\n", "\n", "c"],
      [
        [1, 0, "ab"],
        [2, 3, ""],
        [3, 4, "c"],
      ],
    ],
    [[""], []],
    [["\n"], [[1, 0, ""]]],
  ])("%j are %j", async (blocks, lines) => {
    expect(await split(100, ...blocks)).toEqual(lines);
  });

  it("that are too long are counted and passed over, wherever the blocks are cut", async () => {
    const text = "short\nfar too long\nok\nalso too long";
    for (let cut = 0; cut <= text.length; cut++)
      expect(await split(5, text.slice(0, cut), text.slice(cut))).toEqual([
        [1, 0, "short"],
        [2, 6, 12],
        [3, 19, "ok"],
        [4, 22, 13],
      ]);
  });
});
