import type { TouchedEntry } from "./contract.ts";

/** Ids whose writes were noted before and not after: a writer died in between, or is about to (ROUTING.md, step 4). */
export function unmatchedIds(entries: Iterable<TouchedEntry>): Set<number | string> {
  const open = new Map<string, number | string>();
  for (const { kind, id, op } of entries) {
    const key = `${op} ${typeof id} ${id}`;
    if (kind === "before") open.set(key, id);
    else open.delete(key);
  }
  return new Set(open.values());
}
