import { describe, expect, it } from "vitest";
import { brief, read } from "./read.ts";

const csv = (content: string | Buffer, reading?: Parameters<typeof read>[2]) => read("csv", content, reading);

describe("CSV", () => {
  it("gives a document a row: quotes, line feeds in cells, CRLF, a byte-order mark, blank lines", async () => {
    const items = await csv('\ufeffid,text,year\r\na,"one, ""two""\r\nthree",1958\r\n\r\nb,four,007');
    expect(items).toMatchObject([
      { id: "a", text: 'one, "two"\r\nthree', fields: { id: "a", year: "1958" }, origin: { line: 2, offset: 17 } },
      { id: "b", text: "four", fields: { year: "007" }, origin: { line: 5, offset: 49 } },
    ]);
  });

  it.each([
    ["tabs", "id\ttext\na\tone, two"],
    ["semicolons", "id;text\na;one, two"],
    ["bars", "id|text\na|one, two"],
  ])("may have %s", async (_, content) => {
    expect(brief(await csv(content))).toEqual(["a: one, two"]);
  });

  it("makes an id of the content where the cell is empty, and takes a vector from a list", async () => {
    const items = await csv('id,text,vector\n,one,\n7,,"[0.5, -1]"\n');
    expect(items).toMatchObject([
      { id: expect.stringMatching(/^sha256:/), idFromContent: true, text: "one" },
      { id: "7", text: "", vector: new Float32Array([0.5, -1]) },
    ]);
  });

  const open = "a quote in it opens, and nothing closes it";
  const inner = "a quote stands inside a quoted cell, not doubled";
  it.each([
    ["that opens", ['a,"never closed', "b,x", "c,y"], [`dead 2: ${open}`, "b: x", "c: y"]],
    ["behind a quoted cell", ['a,"five" inches', "b,x"], [`dead 2: ${inner}`, "b: x"]],
    ["that one in the next line pairs with", ['a,"x', 'b,5" pipe', "c,y"], [`dead 2: ${inner}`, 'b: 5" pipe', "c: y"]],
    ["twice", ['a,"x', "b,y", 'c,"z', "d,w"], ["dead 2: " + inner, "b: y", `dead 4: ${open}`, "d: w"]],
  ])("loses the line of a stray quote %s, and no other", async (_, lines, expected) => {
    const items = await csv(["id,text", ...lines, ""].join("\n"));
    expect(brief(items)).toEqual(expected.map((entry) => expect.stringContaining(entry)));
    for (const item of items)
      if (item.kind === "dead") expect(item).toMatchObject({ record: lines[item.origin.line! - 2], columns: ["id", "text"] });
  });

  it.each([
    ["id,text\na,b,c\nd,e", ["dead 2: it has 3 cells, the header has 2", "d: e"]],
    ["id,text\na\nd,e", ["dead 2: it has 1 cells, the header has 2", "d: e"]],
    ["id,body\na,b", ['dead 2: no field "text" (--text-field names the field with the text)']],
    ["id,id\na,b", ['dead file: its header has two columns "id"']],
    ["", []],
    ["id,text\n", []],
    ["id,text\na,nul \0\nb,x", ['dead 2: field "text" has a NUL character', "b: x"]],
    [Buffer.from("id,text\na,caf\u00e9\nb,x", "latin1"), ["dead 2: not valid UTF-8: byte 0xe9 at 5", "b: x"]],
    ["id,text,vector\na,x,NaN\nb,y,[1]", [expect.stringContaining('dead 2: field "vector" is not a list of numbers'), "b: y"]],
  ])("%j is %j", async (content, expected) => {
    expect(brief(await csv(content))).toEqual(expected);
  });

  it("takes a quote in a cell that begins without one for what it is", async () => {
    expect(brief(await csv('id,text\na,5" pipe\nb,"6"" hose"\nc,x "y"'))).toEqual(['a: 5" pipe', 'b: 6" hose', 'c: x "y"']);
  });

  it("begins with the record at any place that it gave", async () => {
    const content = 'id,text\na,one\nb,"two\nlines"\nbroken\nc,"x\nd,four\n';
    const items = await csv(content);
    expect(brief(items)).toHaveLength(5);
    for (const [at, { origin }] of items.entries()) {
      const { line, offset } = origin;
      expect(await csv(content, { from: { line: line!, offset: offset! } })).toMatchObject(
        items.slice(at).map(({ kind, origin }) => ({ kind, origin })),
      );
    }
  });
});
