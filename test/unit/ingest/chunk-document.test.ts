import { describe, expect, it } from "vitest";
import { chunkDocument, chunkKey } from "../../../src/ingest/chunk-document.ts";
import { defaultChunkOptions } from "../../../src/ingest/chunkers/index.ts";
import type { SourceDocument } from "../../../src/ingest/contract.ts";

const document = (parts: Partial<SourceDocument> = {}): SourceDocument => ({
  kind: "document",
  id: "d",
  idFromContent: false,
  origin: { source: "d.md" },
  text: "",
  format: "text",
  fields: {},
  ...parts,
});

describe("the chunks of a document", () => {
  it("say where they stand: place, headings, page", async () => {
    const text = `# One\n\n${"first ".repeat(10).trim()}\n\n## Two\n\n${"second ".repeat(10).trim()}`;
    const { chunks } = await chunkDocument(
      document({ text, format: "markdown", title: "One", pages: [0, 20, 71], fields: { lang: "en" } }),
      { by: "format", size: 90, overlap: 0 },
      "hashing",
    );
    expect(chunks.map(({ payload }) => payload)).toEqual([
      {
        lang: "en",
        text: text.slice(0, 66),
        _ragctl_doc: "d",
        _ragctl_source: "d.md",
        _ragctl_chunk: 0,
        _ragctl_chunks: 2,
        _ragctl_start: 0,
        _ragctl_end: 66,
        _ragctl_headings: ["One"],
        _ragctl_page: 1,
        _ragctl_hash: chunks[0]!.hash,
      },
      {
        lang: "en",
        text: text.slice(68),
        _ragctl_doc: "d",
        _ragctl_source: "d.md",
        _ragctl_chunk: 1,
        _ragctl_start: 68,
        _ragctl_end: text.length,
        _ragctl_headings: ["One", "Two"],
        _ragctl_page: 2,
        _ragctl_hash: chunks[1]!.hash,
      },
    ]);
    expect(chunks[1]).toMatchObject({ key: "d#1", position: 1, embedText: `One\n\n${text.slice(68)}` });
  });

  it("is one, uncut, where it brings its vector; neither embedder nor chunker changes it", async () => {
    const given = document({ id: "7", text: "long ".repeat(500), vector: new Float32Array([1, 2]) });
    const { chunks } = await chunkDocument(given, defaultChunkOptions, "hashing");
    expect(chunks).toMatchObject([{ key: "7", vector: given.vector, payload: { text: given.text, _ragctl_chunks: 1 } }]);
    const hashOf = async (parts: Partial<SourceDocument>, embedder = "hashing") =>
      (await chunkDocument({ ...given, ...parts }, { by: "tokens", size: 20, overlap: 0 }, embedder)).chunks[0]!.hash;
    expect(await hashOf({}, "another")).toBe(chunks[0]!.hash);
    expect(await hashOf({ vector: new Float32Array([1, 2.5]) })).not.toBe(chunks[0]!.hash);
    expect(await hashOf({ fields: { a: 1 } })).not.toBe(chunks[0]!.hash);
  });
});

it.each([
  ["7", true, 0, "7"],
  ["7", false, 0, "7#0"],
  // It could be a chunk of the document `a`.
  ["a#1", true, 0, "a#1#0"],
  ["a#b", true, 0, "a#b"],
])("the key of %s, with a vector: %s", (id, brings, position, key) => {
  expect(chunkKey({ id, ...(brings ? { vector: new Float32Array(1) } : {}) }, position)).toBe(key);
});
