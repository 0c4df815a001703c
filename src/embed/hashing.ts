import xxhash from "xxhash-wasm";
import type { Embedder } from "./contract.ts";
import { refuseBlank } from "./blank.ts";
import { isStopWord } from "./stop-words.ts";

/**
 * Weights, tuned on Cranfield (title and text, 384 dims, exact search, nDCG@10): words alone 0.27, with trigrams 0.30,
 * where the same words without hashing reach 0.32. Bigrams of words cost 0.01: at this size their collisions outweigh
 * what they add.
 */
const trigramWeight = 0.3;
/** Not zero, so that "who is it" has a direction at all. */
const stopWordWeight = 0.1;

/**
 * Feature hashing: the words of a text and their character trigrams, each hashed to one of `dim` places with a sign,
 * counted sub-linearly, and scaled to length 1. Lexical, not semantic: it finds texts that share words and word parts,
 * knows no synonyms and no other language. It needs no model, no network and no corpus, and gives the same vector on
 * every platform. (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009.)
 */
export async function hashingEmbedder(dim: number): Promise<Embedder> {
  const { h32 } = await xxhash();
  return {
    name: `hashing-${dim}-v1`,
    dim,
    // oxlint-disable-next-line typescript/require-await -- the contract is asynchronous; blank texts must reject
    embed: async (texts, { signal } = {}) => {
      signal?.throwIfAborted();
      refuseBlank(texts);
      return texts.map((text) => project(features(text), dim, h32));
    },
    close: async () => {},
  };
}

/** Feature → weight. Features are marked by kind, so that the word "the" and the trigram "the" differ. */
export function features(text: string): Map<string, number> {
  // NFKC is stable for assigned characters, so the platform's Unicode version does not matter.
  const normal = text.normalize("NFKC").toLowerCase();
  const words = normal.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) ?? [];
  const counts = new Map<string, number>();
  const count = (feature: string) => counts.set(feature, (counts.get(feature) ?? 0) + 1);
  for (const word of words) {
    if (isStopWord(word)) {
      count(`s${word}`);
      continue;
    }
    count(`w${singular(word)}`);
    const padded = `^${word}$`;
    for (let at = 0; at + 3 <= padded.length; at++) count(`c${padded.slice(at, at + 3)}`);
  }
  // Punctuation, symbols or emoji alone still are a text.
  if (counts.size === 0) for (const character of normal.replaceAll(/\s/gu, "")) count(`x${character}`);
  for (const [feature, n] of counts) counts.set(feature, (1 + Math.log(n)) * weightOf(feature));
  return counts;
}

function weightOf(feature: string): number {
  return feature[0] === "c" ? trigramWeight : feature[0] === "s" ? stopWordWeight : 1;
}

/** English plurals to singulars, by Harman's "S" stemmer (JASIS 42, 1991): the weakest, and hard to get wrong. */
export function singular(word: string): string {
  if (word.length < 4 || !word.endsWith("s")) return word;
  if (word.endsWith("ies")) return /[ae]ies$/.test(word) ? word : `${word.slice(0, -3)}y`;
  if (word.endsWith("es")) return /[aeo]es$/.test(word) ? word : word.slice(0, -1);
  return /[us]s$/.test(word) ? word : word.slice(0, -1);
}

/** The lowest bit of the hash is the sign, the others the place; so a collision cancels as often as it adds. */
function project(weights: Map<string, number>, dim: number, h32: (text: string) => number): Float32Array {
  const sums = new Float64Array(dim);
  for (const [feature, weight] of weights) {
    const hash = h32(feature);
    sums[(hash >>> 1) % dim]! += hash & 1 ? weight : -weight;
  }
  let squares = 0;
  for (const sum of sums) squares += sum * sum;
  // All features may cancel out in a tiny `dim`: then any fixed direction is as good as another.
  if (squares === 0) sums[0] = squares = 1;
  const scale = 1 / Math.sqrt(squares);
  return Float32Array.from(sums, (sum) => sum * scale);
}
