import { rowChoice, type ChoiceSpec } from "../../datasets/choice.ts";

/** Which of `count` items operation `index` takes. */
export type Chooser = (index: number) => number;

/**
 * A choice as a pure function of the operation's index, so that every worker agrees, a seed repeats a run, and what will be needed can be prepared ahead. Uniform and Zipf draws take
 * their chance from a well-mixed hash of index and seed; Zipf, which may need several numbers, hashes on from there.
 */
export function chooser(choice: ChoiceSpec, count: number, seed: number): Chooser {
  if (choice.kind === "sequential") return (index) => index % count;
  if (choice.kind === "uniform") return (index) => Math.floor((mixed(index, seed) / 4_294_967_296) * count);
  let at = 0;
  let draws = 0;
  const draw = rowChoice(choice, count, () => mixed(at, seed + draws++) / 4_294_967_296);
  return (index) => {
    at = index;
    draws = 0;
    return draw();
  };
}

/** murmur3's finaliser over index and seed: 32 well-mixed bits. */
function mixed(index: number, seed: number): number {
  let h = (Math.imul(index, 0x9e37_79b1) ^ Math.imul(seed, 0x85eb_ca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
