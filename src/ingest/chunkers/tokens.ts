import type { Ruler } from "./cut.ts";

/** Longer words are counted in parts: the price of byte pair encoding grows with the square of a word's length. */
const longestWord = 32;
const rememberedWords = 50_000;
const counts = new Map<string, number>();

/**
 * Counts tokens of `cl100k_base`, the encoding of the OpenAI embedding models (gpt-tokenizer, loaded with the first text).
 * Limits come from counts of single words, which add up to the whole but for odd white space; then the piece itself is counted.
 */
export async function tokenRuler(text: string, size: number, overlap: number): Promise<Ruler> {
  const { countTokens } = await import("gpt-tokenizer/encoding/cl100k_base");
  // What looks like a special token in a document is text.
  const count = (stretch: string) => countTokens(stretch, { disallowedSpecial: new Set<string>() });
  const ends: number[] = [];
  /** Tokens up to and with each word. */
  const sums: number[] = [];
  let sum = 0;
  for (const { 0: word, index } of text.matchAll(wordPattern)) {
    let known = counts.get(word);
    if (known === undefined) {
      known = count(word);
      if (counts.size < rememberedWords) counts.set(word, known);
    }
    sum += known;
    ends.push(index + word.length);
    sums.push(sum);
  }
  /** Tokens of the words that end at or before this place, or one more. */
  const before = (place: number) => sums[firstAtLeast(ends, place)] ?? sum;
  return {
    limit(start) {
      const at = firstAtLeast(ends, start + 1);
      const used = at === 0 ? 0 : sums[at - 1]!;
      const beyond = firstAtLeast(sums, used + size + 1);
      // A single word of more tokens than there may be: as many characters as there may be tokens, each of which has one at least.
      return beyond > at ? ends[beyond - 1]! : start + size;
    },
    reach(end) {
      const at = firstAtLeast(sums, before(end) - overlap);
      return overlap === 0 ? end : (ends[at] ?? end);
    },
    tooLong(start, end) {
      const tokens = count(text.slice(start, end));
      if (tokens <= size) return undefined;
      return start + Math.floor(((end - start) * size) / tokens);
    },
  };
}

/** A word with the space before it, as the encoding takes it; at most so many code points. */
const wordPattern = new RegExp(String.raw`\s*\S{1,${longestWord}}`, "gu");

/** The index of the first of the ascending numbers that is no less. */
function firstAtLeast(numbers: readonly number[], wanted: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
