import { hash } from "node:crypto";
import { frame } from "../cache/layer/frame.ts";
import type { CacheSettings } from "../cache/settings.ts";
import { defaultOverheadBytes } from "../cache/sizing/points.ts";
import type { Clock } from "../runtime.ts";
import { encodeVector } from "./cache/values.ts";
import type { WarmBackend } from "./run/contract.ts";

/** What a handful of queries, asked one after the other, say of all. */
export interface Probe {
  queries: number;
  /** Of embedding and answering one, mean. */
  latencyMs: number;
  /** Of answering alone, µs: half of them took no longer. */
  answerP50Us: number;
  /** That one query takes in the cache; undefined where an application stores it itself. */
  entryBytes: number | undefined;
}

const probes = 16;

/**
 * Asks a few queries from all over the ranking, and stores nothing.
 * @throws RagctlError where the store or the embedder cannot be asked, or does not fit the collection
 */
export async function probe(
  queries: readonly string[],
  {
    backend,
    settings,
    clock,
    signal,
  }: { backend: WarmBackend; settings: CacheSettings | undefined; clock: Clock; signal: AbortSignal },
): Promise<Probe> {
  const count = Math.min(probes, queries.length);
  const chosen = Array.from({ length: count }, (_, at) => queries[Math.floor((at * queries.length) / count)]!);
  const answersUs: number[] = [];
  let [totalUs, bytes, sized] = [0, 0, 0];
  // The first one opens connections, and is not counted.
  for (const [at, query] of [chosen[0]!, ...chosen].entries()) {
    const startUs = clock.monotonicUs();
    const vector = (await backend.embed?.([query]))?.[0];
    if (backend.embed && !vector) continue;
    const embeddedUs = clock.monotonicUs();
    const { result } = await backend.answer(query, vector, signal);
    const endUs = clock.monotonicUs();
    if (at === 0) continue;
    answersUs.push(endUs - embeddedUs);
    totalUs += endUs - startUs;
    if (!result) continue;
    sized++;
    bytes += entryBytes(query, [result, ...(vector ? [encodeVector(vector)] : [])], settings);
  }
  const sorted = answersUs.toSorted((a, b) => a - b);
  return {
    queries: sorted.length,
    latencyMs: sorted.length > 0 ? totalUs / sorted.length / 1000 : 0,
    answerP50Us: sorted[sorted.length >> 1] ?? 0,
    entryBytes: sized > 0 ? Math.ceil(bytes / sized) : undefined,
  };
}

/** As they lie in the cache, keys and what Redis adds included. */
function entryBytes(query: string, values: readonly Buffer[], settings: CacheSettings | undefined): number {
  const keyBytes = hash("sha256", query, "hex").length + (settings?.namespace.length ?? 0) + ":embedding:".length;
  return values.reduce((sum, value) => {
    const packed = settings && settings.format === "framed" && value.length > settings.compressAboveBytes;
    const held = frame({ value, computeUs: 0, expiresAtMs: 0 }, packed ? settings.compression : "off");
    return sum + held.length + keyBytes + defaultOverheadBytes;
  }, 0);
}
