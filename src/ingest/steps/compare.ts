import type { ClusterClient } from "../../cluster/contract.ts";
import { chunkKey } from "../chunk-document.ts";
import { chunkField, type ChunkedDocument } from "../contract.ts";
import type { Batch, PlannedDocument } from "./batch.ts";

/** What is known of a stored chunk. */
interface Held {
  hash: unknown;
  count: unknown;
  /** False: some replica lacks it or has another version, as a run leaves it that died in the middle of a write. */
  everywhere: boolean;
}

const keysPerFetch = 256;

/**
 * Asks the store what it has of a batch, and plans what is left to do. Every replica is asked: a chunk that an earlier run
 * wrote on one of two, and never heard of again, is not stored, and no node is stale that a repair would look at.
 */
export async function compareBatch(
  batch: Batch,
  input: {
    client: Pick<ClusterClient, "fetch">;
    collection: string;
    signal: AbortSignal;
    /** Every chunk counts as changed; what vanished is still found. */
    force?: boolean;
  },
): Promise<Batch<PlannedDocument>> {
  const keys = batch.documents.flatMap(keysOf);
  const held = new Map<string, Held>();
  for (let from = 0; from < keys.length; from += keysPerFetch) {
    const some = keys.slice(from, from + keysPerFetch);
    const records = await input.client.fetch(input.collection, some, {
      everyOwner: true,
      withPayload: [chunkField.hash, chunkField.count],
      signal: input.signal,
    });
    for (const { key, payload, agreed = true } of records)
      held.set(key, { hash: payload[chunkField.hash], count: payload[chunkField.count], everywhere: agreed });
  }
  return { documents: batch.documents.map((document) => planDocument(document, held, input.force === true)) };
}

/** A document without text is looked up as well: it may have had some. */
function keysOf({ document, chunks }: ChunkedDocument): string[] {
  return chunks.length > 0 ? chunks.map(({ key }) => key) : [chunkKey(document, 0)];
}

/** Pure: from what is there to what is left to do. */
function planDocument(chunked: ChunkedDocument, held: ReadonlyMap<string, Held>, force: boolean): PlannedDocument {
  const { document, chunks } = chunked;
  const first = held.get(chunkKey(document, 0));
  const count = first?.count;
  // A first chunk without a count was not written by ingest; it is one chunk.
  const heldCount = typeof count === "number" && Number.isSafeInteger(count) && count > 0 ? count : first ? 1 : 0;
  const changed = chunks.filter(({ key, hash }) => {
    const there = held.get(key);
    return force || there?.hash !== hash || !there.everywhere;
  });
  const vanished = Array.from({ length: Math.max(0, heldCount - chunks.length) }, (_, at) =>
    chunkKey(document, chunks.length + at),
  );
  return { document, chunks, heldCount, changed, vanished };
}
