import { allFinite } from "../../datasets/problems.ts";
import { RagctlError } from "../../errors.ts";
import type { Embedder } from "../../embed/contract.ts";
import type { Chunk } from "../contract.ts";
import type { Tally } from "../tally.ts";
import type { Batch, EmbeddedBatch, PlannedDocument } from "./batch.ts";

const textsPerCall = 64;
/** So many failures one after the other, and nothing embedded between them: it is the embedder, not the texts. */
const hopelessAfter = 8;

/** What an embedder may say of some texts and not of others. No answer can be the fault of a text, too: one that chokes the model. */
const ofTheseTexts = new Set(["embedder-refused", "embedder-answer", "embedder-unreachable"]);

/**
 * Gives every changed chunk its vector: the record's own, or the embedder's. Where the embedder will not take a set of
 * texts, halves it until the ones to blame are alone; their documents are dead, and the others go on.
 * @param deps.dim of the collection
 */
export function embedStep(deps: { embedder: Embedder; dim: number; tally: Tally; signal: AbortSignal }) {
  const { embedder, dim } = deps;
  let inVain = 0;

  async function embedAll(chunks: Chunk[], vectors: Map<string, Float32Array>, failures: Map<string, string>): Promise<void> {
    if (chunks.length === 0) return;
    try {
      const made = await embedder.embed(
        chunks.map(({ embedText }) => embedText),
        { signal: deps.signal },
      );
      for (const [at, { key }] of chunks.entries()) vectors.set(key, made[at]!);
      inVain = 0;
    } catch (error) {
      if (!(error instanceof RagctlError) || !ofTheseTexts.has(error.code)) throw error;
      if (++inVain > hopelessAfter) throw error;
      if (chunks.length === 1) {
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
    const texts: Chunk[] = [];
    for (const { changed } of batch.documents)
      for (const chunk of changed) {
        if (chunk.vector) {
          const problem = vectorProblem(chunk.vector, dim);
          if (problem) failures.set(chunk.key, problem);
          else vectors.set(chunk.key, chunk.vector);
        } else if (embedder.dim === dim) texts.push(chunk);
        else
          failures.set(
            chunk.key,
            `it has no vector of its own, and the embedder ${embedder.name} makes ${embedder.dim} dimensions where the collection takes ${dim}`,
          );
      }
    for (let from = 0; from < texts.length; from += textsPerCall)
      await embedAll(texts.slice(from, from + textsPerCall), vectors, failures);
    const documents = batch.documents.filter(({ document, changed }) => {
      const failed = changed.find(({ key }) => failures.has(key));
      if (failed) {
        for (const { key } of changed) vectors.delete(key);
        const where = document.vector ? "" : `chunk ${failed.position}: `;
        deps.tally.buryDocument(document, "embed", `${where}${failures.get(failed.key)}`);
      }
      return !failed;
    });
    return { documents, vectors };
  };
}

/** What is wrong with a vector that came with its record; undefined where nothing is. */
function vectorProblem(vector: Float32Array, dim: number): string | undefined {
  if (vector.length !== dim) return `its vector has ${vector.length} dimensions; the collection takes ${dim}`;
  return allFinite(vector) ? undefined : "its vector has something in it that is not a finite number";
}
