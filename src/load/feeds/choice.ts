/**
 * Which of `count` items operation `index` takes: a pure function, so that every worker agrees and a seed repeats a run.
 * `uniform`: a well-mixed 32-bit hash of index and seed (murmur3's finaliser), scaled to the count.
 */
export function chooseItem(choice: "uniform" | "sequential", index: number, count: number, seed: number): number {
  if (choice === "sequential") return index % count;
  let h = (Math.imul(index, 0x9e37_79b1) ^ Math.imul(seed, 0x85eb_ca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  h = (h ^ (h >>> 16)) >>> 0;
  return Math.floor((h / 4_294_967_296) * count);
}
