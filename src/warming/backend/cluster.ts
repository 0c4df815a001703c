import type { ClusterClient } from "../../cluster/contract.ts";
import type { Embedder } from "../../embed/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import { createStamper } from "../../sharding/keys.ts";
import type { RoutingTable } from "../../sharding/table.ts";
import { encodeResult } from "../cache/values.ts";
import type { WarmBackend } from "../run/contract.ts";

export interface ClusterBackendParts {
  client: ClusterClient;
  embedder: Embedder;
  collection: string;
  /** Of a routed cluster. */
  table: RoutingTable | undefined;
  k: number;
  ef?: number;
  timeoutMs?: number;
  signal: AbortSignal;
}

/** Embeds and searches, as an application does that has no answer in its cache. */
export function clusterBackend(parts: ClusterBackendParts): WarmBackend {
  const { client, embedder, collection, table, k, ef, timeoutMs, signal } = parts;
  const options = { k, withPayload: true, ...(ef !== undefined && { ef }) };
  const semantic = table?.partitioner.kind === "semantic" ? createStamper(table.partitioner, table.vector.distance) : undefined;
  return {
    embed: (queries) => embedAll(embedder, queries, signal),
    ...(semantic && { placeOf: (vector: Float32Array) => String(semantic.cellsOf(vector, 1)[0]) }),
    async answer(_query, vector, hardSignal) {
      const search = client.prepareSearch(collection, vector!, options);
      const found = await client.search(search, { signal: hardSignal, ...(timeoutMs !== undefined && { timeoutMs }) });
      const short = found.partial ?? found.belowConsistency;
      // An answer that misses a part of the collection would be served for as long as its TTL.
      if (short)
        throw new RagctlError("a part of the collection did not answer", {
          code: "partial",
          exitCode: ExitCode.unreachable,
          hint: "ragctl status shows every node",
        });
      return { result: encodeResult(found.hits) };
    },
  };
}

/** What an embedder may say of some texts and not of others. */
const ofTheseTexts = new Set(["embedder-refused", "embedder-answer", "embed-empty-text"]);

/** Where the embedder will not take a set of texts, halves it until the ones to blame are alone: those have no vector. */
async function embedAll(
  embedder: Embedder,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<(Float32Array | undefined)[]> {
  try {
    return await embedder.embed(texts, { signal });
  } catch (error) {
    if (!(error instanceof RagctlError) || !ofTheseTexts.has(error.code)) throw error;
    if (texts.length === 1) return [undefined];
    const middle = texts.length >> 1;
    const first = await embedAll(embedder, texts.slice(0, middle), signal);
    return [...first, ...(await embedAll(embedder, texts.slice(middle), signal))];
  }
}
