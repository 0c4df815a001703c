import { createHash } from "node:crypto";
import { chunkText } from "./chunkers/index.ts";
import { chunkField, type Chunk, type ChunkedDocument, type ChunkOptions, type Piece, type SourceDocument } from "./contract.ts";

/** Part of every content hash: a change of what is stored, or how, makes the next run rewrite all. */
const formatVersion = 2;

/**
 * `{document}#{position}`: the last `#` divides, so that no two chunks share a key whatever the ids look like. A document
 * that brings its vector is one point, and its key is its id (so that row 7 of a data set is point 7), unless that could be a chunk's.
 */
export function chunkKey({ id, vector }: Pick<SourceDocument, "id" | "vector">, position: number): string {
  return vector && !/#\d+$/.test(id) ? id : `${id}#${position}`;
}

/**
 * A document in chunks, each with its key, its payload and the hash of all that decides the stored point.
 * @param embedderName another embedder makes other vectors, so it is part of the hash
 */
export async function chunkDocument(
  document: SourceDocument,
  options: ChunkOptions,
  embedderName: string,
): Promise<ChunkedDocument> {
  const { text, vector } = document;
  const pieces = vector ? [{ start: 0, end: text.length }] : await chunkText(text, document.format, options);
  const fields = stableJson(document.fields);
  const chunks = pieces.map((piece, position): Chunk => {
    const own = text.slice(piece.start, piece.end);
    const embedText = document.title ? `${document.title}\n\n${own}` : own;
    const stamps = stampsOf(document, piece, position, pieces.length);
    const hash = createHash("sha256")
      .update(JSON.stringify([formatVersion, vector ? null : embedderName, embedText, own, stamps]))
      .update(fields);
    if (vector) hash.update(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
    const digest = hash.digest("hex").slice(0, 32);
    const chunk: Chunk = {
      key: chunkKey(document, position),
      position,
      text: own,
      embedText,
      hash: digest,
      payload: {
        ...document.fields,
        ...(vector && own === "" ? {} : { text: own }),
        [chunkField.document]: document.id,
        [chunkField.source]: document.origin.source,
        ...stamps,
        [chunkField.hash]: digest,
      },
    };
    if (vector) chunk.vector = vector;
    return chunk;
  });
  return { document, chunks };
}

/** Where a chunk stands in its document. Its source is no part of it: a file that was moved is the same file. */
function stampsOf({ vector, pages }: SourceDocument, piece: Piece, position: number, count: number): Record<string, unknown> {
  return {
    [chunkField.position]: position,
    // The first chunk carries the count, so it is rewritten when only the number of chunks changed.
    ...(position === 0 ? { [chunkField.count]: count } : {}),
    ...(vector ? {} : { [chunkField.start]: piece.start, [chunkField.end]: piece.end }),
    ...(piece.headings?.length ? { [chunkField.headings]: piece.headings } : {}),
    ...(pages ? { [chunkField.page]: pageOf(pages, piece.start) } : {}),
  };
}

/** The page, from 1, that this place is on. */
function pageOf(pages: readonly number[], place: number): number {
  return Math.max(1, pages.findLastIndex((start) => start <= place) + 1);
}

/** JSON with sorted names, so that the order of fields in a record changes nothing. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
