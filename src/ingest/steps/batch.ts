import type { BoundedQueue } from "../pipeline/queue.ts";
import type { Chunk, ChunkedDocument } from "../contract.ts";

/** A document on its way to the store, with what is left to do for it. */
export interface PlannedDocument extends ChunkedDocument {
  /** Chunks that the store may hold of it from before: all stand at positions below this. */
  heldCount: number;
  /** Chunks that the store lacks, or holds otherwise. */
  changed: Chunk[];
  /** Keys of chunks that an earlier, longer version left; never the first one while the document has any text. */
  vanished: string[];
}

/** Documents that travel together; a document is never spread over two batches. */
export interface Batch<D extends ChunkedDocument = ChunkedDocument> {
  documents: D[];
}

export interface EmbeddedBatch extends Batch<PlannedDocument> {
  /** By chunk key. */
  vectors: Map<string, Float32Array>;
}

/** Collects documents until they have `maxChunks` chunks together, or are `maxDocuments`. */
export class Batcher {
  readonly #limits: { maxChunks: number; maxDocuments: number };
  #documents: ChunkedDocument[] = [];
  #chunks = 0;

  constructor(limits: { maxChunks: number; maxDocuments: number }) {
    this.#limits = limits;
  }

  /** The batch that this document completes; usually none. */
  add(document: ChunkedDocument): Batch[] {
    this.#documents.push(document);
    this.#chunks += document.chunks.length;
    const { maxChunks, maxDocuments } = this.#limits;
    return this.#chunks >= maxChunks || this.#documents.length >= maxDocuments ? this.flush() : [];
  }

  flush(): Batch[] {
    const documents = this.#documents;
    this.#documents = [];
    this.#chunks = 0;
    return documents.length > 0 ? [{ documents }] : [];
  }
}

/** A batch and what waits behind it, until there is enough for one write of `size` records. */
export function gather(first: EmbeddedBatch, waiting: Pick<BoundedQueue<EmbeddedBatch>, "takeNow">, size: number): EmbeddedBatch {
  const batches = [first];
  for (let records = first.vectors.size; records < size;) {
    const more = waiting.takeNow();
    if (!more) break;
    batches.push(more);
    records += more.vectors.size;
  }
  if (batches.length === 1) return first;
  const vectors = new Map<string, Float32Array>();
  for (const batch of batches) for (const [key, vector] of batch.vectors) vectors.set(key, vector);
  return { documents: batches.flatMap(({ documents }) => documents), vectors };
}
