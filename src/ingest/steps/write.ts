import type { Chunk } from "../contract.ts";
import { chunkKey } from "../chunk-document.ts";
import type { Tally } from "../tally.ts";
import type { EmbeddedBatch, PlannedDocument } from "./batch.ts";
import type { SafeWriter } from "./safe-writer.ts";

/**
 * Writes a batch, in an order that keeps one promise through any crash: the count on a document's first chunk is above the
 * position of every chunk that is stored. So whatever an interrupted run left is found, and removed, by the next one:
 * where a document grows, its first chunk goes first; where it shrinks, the first chunk goes last, after what vanished.
 */
export function writeStep(deps: { writer: SafeWriter; tally: Tally }) {
  const { writer, tally } = deps;

  return async ({ documents, vectors }: EmbeddedBatch): Promise<void> => {
    const failures = new Map<PlannedDocument, string>();
    const written = new Set<PlannedDocument>();

    /** Upserts or deletes what `choose` gives for each document that has not failed so far. */
    async function phase(kind: "upsert" | "delete", choose: (document: PlannedDocument) => readonly (Chunk | string)[]) {
      const owners = new Map<string, PlannedDocument>();
      const chunks: Chunk[] = [];
      for (const planned of documents) {
        if (failures.has(planned)) continue;
        for (const item of choose(planned)) {
          owners.set(typeof item === "string" ? item : item.key, planned);
          if (typeof item !== "string") chunks.push(item);
        }
      }
      if (owners.size === 0) return;
      const failed =
        kind === "delete"
          ? await writer.delete([...owners.keys()])
          : await writer.upsert(chunks.map(({ key, payload }) => ({ key, vector: vectors.get(key)!, payload })));
      for (const [key, reason] of failed) failures.set(owners.get(key)!, reason);
      for (const [key, planned] of owners) if (!failed.has(key)) written.add(planned);
      tally.chunks[kind === "delete" ? "deleted" : "written"] += owners.size - failed.size;
    }

    const isFirst = (chunk: Chunk) => chunk.position === 0;
    await phase("upsert", (planned) => (grows(planned) ? planned.changed.filter(isFirst) : []));
    await phase("upsert", (planned) => planned.changed.filter((chunk) => !isFirst(chunk) || keepsCount(planned)));
    // A document that lost all its text loses its first chunk last.
    await phase("delete", ({ document, vanished }) => vanished.filter((key) => key !== chunkKey(document, 0)));
    await phase("upsert", (planned) => (shrinks(planned) ? planned.changed.filter(isFirst) : []));
    await phase("delete", ({ document, vanished }) => vanished.filter((key) => key === chunkKey(document, 0)));

    for (const planned of documents) {
      const { document, chunks, changed } = planned;
      const reason = failures.get(planned);
      if (reason !== undefined) {
        tally.buryDocument(document, "write", reason);
        continue;
      }
      tally.chunks.unchanged += chunks.length - changed.length;
      tally.settle(chunks.length === 0 ? "skipped" : written.has(planned) ? "ok" : "unchanged", document);
    }
  };
}

const grows = ({ chunks, heldCount }: PlannedDocument) => chunks.length > heldCount;
const keepsCount = ({ chunks, heldCount }: PlannedDocument) => chunks.length === heldCount;
const shrinks = ({ chunks, heldCount }: PlannedDocument) => chunks.length < heldCount;
