import { describe, expect, it } from "vitest";
import { docxBytes, pdfBytes, zipBytes } from "../../helpers/documents.ts";
import { brief, read } from "./read.ts";

describe("HTML", () => {
  it("is what a browser would show, with its headings and without what is not text", async () => {
    const html = `<!doctype html><html><head><title>The &amp; Title</title><style>p{color:red}</style></head><body>
      <nav><a href="/">Home</a></nav><script>alert("x")</script>
      <h1>Guide</h1><p>First   paragraph with <b>bold</b> and <a href="https://example.org">a link</a>.</p>
      <ul><li>one</li><li>two</li></ul>
      <table><tr><th>Name</th><th>Year</th></tr><tr><td>Ada</td><td>1843</td></tr></table>
      <h2>Next</h2><pre>code {
  indented
}</pre><noscript>no</noscript></body></html>`;
    const [item] = await read("html", html);
    expect(item).toMatchObject({ kind: "document", id: "in", title: "The & Title", format: "markdown" });
    expect((item as { text: string }).text).toMatchInlineSnapshot(`
      "# Guide

      First paragraph with bold and a link.

       * one
       * two

      Name Year
      Ada 1843

      ## Next

      code {
        indented
      }"
    `);
  });

  it("is its main part, where it says which one that is", async () => {
    expect(brief(await read("html", "<body>around<main><p>within</p></main></body>"))).toEqual(["in: within"]);
  });

  it.each([
    ["Latin-1 that says so", Buffer.from('<meta charset="iso-8859-1"><p>caf\u00e9</p>', "latin1"), ["in: caf\u00e9"]],
    ["UTF-16 with its mark", Buffer.from("\ufeff<p>caf\u00e9</p>", "utf16le"), ["in: caf\u00e9"]],
    [
      "Latin-1 that does not",
      Buffer.from("<p>caf\u00e9</p>", "latin1"),
      ["dead file: the file is not valid UTF-8: byte 0xe9 at 6, and names no other encoding"],
    ],
    ["nothing", "", ["in: "]],
    ["unclosed, and a NUL", "<p>one<div>two\0", ["in: one\n\ntwo "]],
  ])("of %s", async (_, content, expected) => {
    expect(brief(await read("html", content))).toEqual(expected);
  });
});

describe("PDF", () => {
  it("is its pages' text, with the places where they begin", async () => {
    const [item] = await read("pdf", pdfBytes(["Hello (world)", "second page"], { title: "A title" }));
    expect(item).toMatchObject({
      kind: "document",
      title: "A title",
      text: "Hello (world)\n\nsecond page",
      pages: [0, 15],
      format: "text",
    });
  });

  it.each([
    ["encrypted", pdfBytes(["secret"], { encrypted: true }), "the PDF is encrypted, and opens with a password only"],
    ["no PDF", Buffer.from("plain text"), /^it is no PDF that can be read: /],
    ["empty", Buffer.alloc(0), /^it is no PDF that can be read: /],
  ])("that is %s is dead", async (_, content, reason) => {
    expect(await read("pdf", content)).toEqual([
      {
        kind: "dead",
        id: "in",
        origin: { source: "in" },
        stage: "read",
        reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
      },
    ]);
  });

  it("that is damaged is dead, or gives what is left", async () => {
    const whole = pdfBytes(["Hello"]);
    expect(await read("pdf", whole.subarray(0, 40))).toMatchObject([{ kind: "dead" }]);
    const noObjects = Buffer.from(whole.toString("latin1").replaceAll("obj", "xxx"), "latin1");
    expect(await read("pdf", noObjects)).toMatchObject([{ kind: "dead", reason: expect.stringMatching(/^it is no PDF/) }]);
  });
});

describe("DOCX", () => {
  it("is its text, with its headings", async () => {
    expect(await read("docx", docxBytes(["# Guide", "First &amp; second", "Third"]))).toMatchObject([
      { kind: "document", id: "in", text: "# Guide\n\nFirst & second\n\nThird", format: "markdown" },
    ]);
  });

  it.each([
    ["a zip of something else", zipBytes({ "a.txt": "hello" })],
    ["a zip cut short", docxBytes(["text"]).subarray(0, 300)],
    ["no zip", Buffer.from("PK but not really")],
    ["nothing", Buffer.alloc(0)],
  ])("that is %s is dead", async (_, content) => {
    expect(await read("docx", content)).toMatchObject([
      { kind: "dead", id: "in", reason: expect.stringMatching(/^it is no Word document that can be read: ./) },
    ]);
  });
});
