import xxhash from "xxhash-wasm";
import type { Embedder } from "./contract.ts";
import { refuseBlank } from "./blank.ts";
import { isStopWord } from "./stop-words.ts";

/**
 * Weights, tuned on Cranfield (title and text, 384 dims, exact search, nDCG@10, mean of five hash functions, which differ
 * by ±0.01): words alone 0.274, with trigrams 0.290; 4096 dims would reach 0.33. Bigrams of words add nothing: at this
 * size their collisions outweigh what they say.
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
  const hasher = await xxhash();
  const hashesOf = rememberedHashes((text) => hasher.h32(text));
  return {
    name: `hashing-${dim}-v1`,
    dim,
    // oxlint-disable-next-line typescript/require-await -- the contract is asynchronous; blank texts must reject
    embed: async (texts, { signal } = {}) => {
      signal?.throwIfAborted();
      refuseBlank(texts);
      return texts.map((text) => project(countTerms(text), dim, hashesOf));
    },
    close: async () => {},
  };
}

/** How often each term occurs: words, or single characters where a text has no words (punctuation, emoji). */
export function countTerms(text: string): Map<string, number> {
  // NFKC is stable for assigned characters, so the platform's Unicode version does not matter.
  const normal = text.normalize("NFKC").toLowerCase();
  const words = normal.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) ?? normal.match(/\S/gu) ?? [];
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** English plurals to singulars, by Harman's "S" stemmer (JASIS 42, 1991): the weakest, and hard to get wrong. */
export function singular(word: string): string {
  if (word.length < 4 || !word.endsWith("s")) return word;
  if (word.endsWith("ies")) return /[ae]ies$/.test(word) ? word : `${word.slice(0, -3)}y`;
  if (word.endsWith("es")) return /[aeo]es$/.test(word) ? word : word.slice(0, -1);
  return /[us]s$/.test(word) ? word : word.slice(0, -1);
}

/** A term's hashes: its own, and those of its trigrams unless it is a stop word. */
interface TermHashes {
  weight: number;
  term: number;
  trigrams: number[];
}

/** Words repeat, so their hashes are remembered: that halves the time of a document. */
function rememberedHashes(h32: (text: string) => number): (word: string) => TermHashes {
  const known = new Map<string, TermHashes>();
  // Marked by kind, so that the word "the" and the trigram "the" differ. As signed integers: V8 keeps those unboxed.
  const hash = (kind: "w" | "c", text: string) => h32(kind + text) | 0;
  const compute = (word: string): TermHashes => {
    if (isStopWord(word)) return { weight: stopWordWeight, term: hash("w", word), trigrams: [] };
    const padded = `^${word}$`;
    const trigrams = Array.from({ length: padded.length - 2 }, (_, at) => hash("c", padded.slice(at, at + 3)));
    return { weight: 1, term: hash("w", singular(word)), trigrams };
  };
  return (word) => {
    let hashes = known.get(word);
    if (!hashes) {
      hashes = compute(word);
      if (known.size >= 50_000) known.clear();
      // A "word" of a script without spaces may be a whole sentence, which will not come again.
      if (word.length <= 32) known.set(word, hashes);
    }
    return hashes;
  };
}

/** The lowest bit of a hash is the sign, the others the place; so a collision cancels as often as it adds. */
function project(terms: Map<string, number>, dim: number, hashesOf: (word: string) => TermHashes): Float32Array {
  const sums = new Float64Array(dim);
  const add = (hash: number, weight: number) => {
    sums[(hash >>> 1) % dim]! += hash & 1 ? weight : -weight;
  };
  const trigrams = new Map<number, number>();
  for (const [word, count] of terms) {
    const hashes = hashesOf(word);
    add(hashes.term, hashes.weight * (1 + Math.log(count)));
    for (const trigram of hashes.trigrams) trigrams.set(trigram, (trigrams.get(trigram) ?? 0) + count);
  }
  for (const [trigram, count] of trigrams) add(trigram, trigramWeight * (1 + Math.log(count)));
  return normalised(sums);
}

function normalised(sums: Float64Array): Float32Array {
  let squares = 0;
  for (const sum of sums) squares += sum * sum;
  // All terms may cancel out in a tiny `dim`: then any fixed direction is as good as another.
  if (squares === 0) sums[0] = squares = 1;
  const scale = 1 / Math.sqrt(squares);
  return Float32Array.from(sums, (sum) => sum * scale);
}
