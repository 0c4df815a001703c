import { RagctlError } from "../../errors.ts";
import type { Embedder } from "../../embed/contract.ts";
import type { Chunk } from "../contract.ts";
import type { Tally } from "../tally.ts";
import type { Batch, EmbeddedBatch, PlannedDocument } from "./batch.ts";

const textsPerCall = 64;
/** So many texts refused, and not one embedded: it is the embedder, not the texts. */
const hopelessAfter = 8;

/** What an embedder may say of some texts and not of others. */
const ofTheseTexts = new Set(["embedder-refused", "embedder-answer"]);

/**
 * Embeds what changed. Where the embedder will not take a set of texts, halves it until the ones to blame are alone;
 * their documents are dead, and the others go on.
 */
export function embedStep(deps: { embedder: Embedder; tally: Tally; signal: AbortSignal }) {
  let embedded = 0;
  let refused = 0;

  async function embedAll(chunks: Chunk[], vectors: Map<string, Float32Array>, failures: Map<string, string>): Promise<void> {
    if (chunks.length === 0) return;
    try {
      const made = await deps.embedder.embed(
        chunks.map(({ embedText }) => embedText),
        { signal: deps.signal },
      );
      for (const [at, { key }] of chunks.entries()) vectors.set(key, made[at]!);
      embedded += chunks.length;
    } catch (error) {
      if (!(error instanceof RagctlError) || !ofTheseTexts.has(error.code)) throw error;
      if (chunks.length === 1) {
        refused++;
        if (embedded === 0 && refused >= hopelessAfter) throw error;
        failures.set(chunks[0]!.key, error.message);
        return;
      }
      const middle = chunks.length >> 1;
      await embedAll(chunks.slice(0, middle), vectors, failures);
      await embedAll(chunks.slice(middle), vectors, failures);
    }
  }

  return async (batch: Batch<PlannedDocument>): Promise<EmbeddedBatch> => {
    const vectors = new Map<string, Float32Array>();
    const failures = new Map<string, string>();
    const chunks = batch.documents.flatMap(({ changed }) => changed);
    for (let from = 0; from < chunks.length; from += textsPerCall)
      await embedAll(chunks.slice(from, from + textsPerCall), vectors, failures);
    const documents = batch.documents.filter(({ document, changed }) => {
      const failed = changed.find(({ key }) => failures.has(key));
      if (failed) deps.tally.buryDocument(document, "embed", `chunk ${failed.position}: ${failures.get(failed.key)}`);
      return !failed;
    });
    return { documents, vectors };
  };
}
