import type { WarmAccess } from "./access.ts";
import type { CountedQuery } from "./contract.ts";
import { replay, type Replay } from "./replay.ts";

/** The hit rate on the held-out part of the log as the cache is now; null where none is held out, or nobody can look. */
export async function replayed(
  heldOut: readonly CountedQuery[],
  queries: readonly string[],
  access: WarmAccess,
  signal: AbortSignal,
): Promise<Replay | null> {
  // A layer of its own: what this process has in memory, others do not have.
  const reader = heldOut.length > 0 ? await access.openReader() : undefined;
  if (!reader) return null;
  try {
    const isHeld = async (query: string) => (await reader.get("result", query))?.value !== undefined;
    return await replay(heldOut, { isHeld, planned: new Set(queries), signal });
  } finally {
    await reader.close();
  }
}
