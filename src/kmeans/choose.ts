import { seededRng, type Rng } from "../runtime.ts";

/** A generator of its own for each part of a fit, so that one part's draws do not shift another's. */
export function rngFor(seed: number, part: string, number = 0): Rng {
  let hash = 0x811c9dc5;
  for (const char of `${part}/${number}/${seed}`) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  return seededRng(hash);
}

/** `count` different numbers below `rows`, ascending: Floyd's sampling (Bentley & Floyd, CACM 30(9), 1987). All of them where there are no more. */
export function chooseRows(rows: number, count: number, rng: Rng): Int32Array {
  if (count >= rows) return Int32Array.from({ length: rows }, (_, i) => i);
  const chosen = new Set<number>();
  for (let last = rows - count; last < rows; last++) {
    const candidate = Math.floor(rng() * (last + 1));
    chosen.add(chosen.has(candidate) ? last : candidate);
  }
  return Int32Array.from(chosen).sort();
}

/** `count` numbers below `rows`, ascending, the same one more than once perhaps. */
export function drawRows(rows: number, count: number, rng: Rng, out: Int32Array): Int32Array {
  for (let i = 0; i < count; i++) out[i] = Math.floor(rng() * rows);
  return out.sort();
}
