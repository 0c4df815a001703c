import type { ClusterClient } from "../../../src/cluster/index.ts";
import { RagctlError } from "../../../src/errors.ts";
import type { Clock } from "../../../src/runtime.ts";

/** What a client did to one key; `value` undefined: deleted it. */
export interface Op {
  value: number | undefined;
  beganMs: number;
  ackedMs?: number;
}

/** By key, in the order in which they began. */
export type History = Map<string, Op[]>;

interface WriteCounts {
  acknowledged: number;
  refused?: number;
}

/**
 * One upsert of these keys with this value, or their deletion where it is undefined, and what became of it.
 * @param vectorOf called once a key
 */
export async function writeNoted(
  { client, collection, clock }: { client: ClusterClient; collection: string; clock: Clock },
  { batch, value, vectorOf }: { batch: readonly string[]; value: number | undefined; vectorOf: () => number[] },
  history: History,
  counts: WriteCounts,
): Promise<void> {
  const op: Op = { value, beganMs: clock.nowMs() };
  const ops = new Map(batch.map((key) => [key, { ...op }]));
  for (const [key, one] of ops) history.get(key)!.push(one);
  const refuse = (count: number) => {
    if (counts.refused !== undefined) counts.refused += count;
  };
  try {
    const result =
      value === undefined
        ? await client.delete(collection, batch)
        : await client.upsert(
            collection,
            batch.map((key) => ({ key, vector: vectorOf(), payload: { value } })),
          );
    for (const key of result.acknowledged) ops.get(key)!.ackedMs = clock.nowMs();
    counts.acknowledged += result.acknowledged.length;
    refuse(result.failed.length);
  } catch (error) {
    if (!(error instanceof RagctlError)) throw error;
    refuse(batch.length);
  }
}

/** What a replica that serves may hold: the last acknowledged value, or that of any write that began after it and was not acknowledged. */
export function acceptable(ops: readonly Op[], untilMs: number): Set<number | undefined> {
  let last = 0;
  for (const [index, { ackedMs }] of ops.entries()) if (ackedMs !== undefined && ackedMs <= untilMs) last = index;
  return new Set(ops.slice(last).map(({ value }) => value));
}

/** A key that was written within the lag of a reader's view may be missing from it: its old place has lost it, its new one is not asked. */
export function rewrittenSince(ops: readonly Op[], sinceMs: number, found: boolean): boolean {
  return !found && ops.some(({ beganMs, ackedMs }) => beganMs >= sinceMs || (ackedMs ?? Infinity) >= sinceMs);
}
