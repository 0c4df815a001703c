import { createHash } from "node:crypto";
import { chunkers } from "./chunkers/index.ts";
import { chunkField, type Chunk, type ChunkedDocument, type ChunkOptions, type SourceDocument } from "./contract.ts";

/** Part of every content hash: a change of what is stored, or how, makes the next run rewrite all. */
const formatVersion = 1;

/** `{document}#{position}`: the last `#` divides, so that no two chunks share a key whatever the ids look like. */
export function chunkKey(documentId: string, position: number): string {
  return `${documentId}#${position}`;
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
  const texts = await chunkers[document.format](document.text, options);
  const fields = stableJson(document.fields);
  const chunks = texts.map((text, position): Chunk => {
    // The first chunk carries the count, so it is rewritten when only the number of chunks changed.
    const count = position === 0 ? texts.length : undefined;
    const embedText = document.title ? `${document.title}\n\n${text}` : text;
    const hash = createHash("sha256")
      .update(JSON.stringify([formatVersion, embedderName, embedText, text, position, count ?? null]))
      .update(fields)
      .digest("hex")
      .slice(0, 32);
    return {
      key: chunkKey(document.id, position),
      position,
      text,
      embedText,
      hash,
      payload: {
        ...document.fields,
        text,
        [chunkField.document]: document.id,
        [chunkField.source]: document.origin.source,
        [chunkField.position]: position,
        ...(count === undefined ? {} : { [chunkField.count]: count }),
        [chunkField.hash]: hash,
      },
    };
  });
  return { document, chunks };
}

/** JSON with sorted names, so that the order of fields in a record changes nothing. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
