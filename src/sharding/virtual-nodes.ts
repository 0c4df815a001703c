import type { Hash32 } from "./hash.ts";
import type { HashName } from "./table.ts";

/** Virtual nodes remembered at most, over all members: 32 MB. */
const remembered = 2 ** 22;
const positionsOf = new Map<string, Uint32Array>();
let held = 0;

/**
 * Where a member's virtual nodes `{id}:0` … `{id}:{count − 1}` lie on a 32-bit ring. Remembered, since a plan builds
 * the ring again and again with the same members.
 */
export function virtualNodePositions(name: HashName, hash: Hash32, id: string, count: number): Uint32Array {
  const key = `${name} ${id}`;
  const known = positionsOf.get(key);
  if (known && known.length >= count) return known.subarray(0, count);
  const positions = new Uint32Array(count);
  if (known) positions.set(known);
  for (let i = known?.length ?? 0; i < count; i++) positions[i] = hash(`${id}:${i}`);
  held += count - (known?.length ?? 0);
  if (held > remembered) {
    positionsOf.clear();
    held = count;
  }
  positionsOf.set(key, positions);
  return positions;
}
