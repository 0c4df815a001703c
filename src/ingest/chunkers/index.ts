import { usageError, type Problem } from "../../errors.ts";
import type { ChunkerName, ChunkOptions, Piece, SourceDocument } from "../contract.ts";
import { characters, lines, paragraphs, sentences, startOfSentence, startOfWord, words, type Boundary } from "./boundaries.ts";
import { characterRuler, cut, type CutSpec } from "./cut.ts";

type Format = SourceDocument["format"];

interface Plan extends Omit<CutSpec, "ruler"> {
  headingsAt?: (place: number) => string[];
}

const fine: Boundary[] = [lines, sentences, words, characters];
const byParagraphs: Plan = { levels: [paragraphs, ...fine], sharedFrom: startOfWord };

/** Headings and blocks before anything else. */
async function byOutline(text: string): Promise<Plan> {
  const { outlineOf } = await import("./markdown.ts");
  const { levels, headingsAt } = await outlineOf(text);
  // A section has no use for the end of the one before it.
  return { levels: [...levels, ...fine], sharedFrom: startOfWord, unsharedLevels: levels.length - 1, headingsAt };
}

const byFormat = (text: string, format: Format) => (format === "markdown" ? byOutline(text) : Promise.resolve(byParagraphs));

/** Every chunker there is: where it would rather cut. */
const chunkers = {
  /** Paragraphs, then lines, sentences, words, characters. */
  recursive: () => Promise.resolve(byParagraphs),
  markdown: byOutline,
  /** As many whole sentences as fit; they are shared whole, too. */
  sentences: (): Promise<Plan> => Promise.resolve({ levels: [sentences, words, characters], sharedFrom: startOfSentence }),
  /** Where the format says, and by the number of tokens. */
  tokens: byFormat,
} as const satisfies Record<ChunkerName, (text: string, format: Format) => Promise<Plan>>;

export const defaultChunkOptions: ChunkOptions = { by: "format", size: 1000, overlap: 100 };

/** A text in pieces no longer than `size`, in order; none is blank, and all of the text but space is in one of them. */
export async function chunkText(text: string, format: Format, { by, size, overlap }: ChunkOptions): Promise<Piece[]> {
  const plan: Plan = by === "format" ? await byFormat(text, format) : await chunkers[by](text, format);
  const ruler =
    by === "tokens" ? await (await import("./tokens.ts")).tokenRuler(text, size, overlap) : characterRuler(size, overlap);
  const pieces = cut(text, { ...plan, ruler });
  const { headingsAt } = plan;
  return pieces.map(({ start, content, end }) => (headingsAt ? { start, end, headings: headingsAt(content) } : { start, end }));
}

/** @throws RagctlError exit 2 where the numbers make no sense */
export function checkChunkOptions({ size, overlap }: ChunkOptions): void {
  const problems: Problem[] = [];
  if (size < 16) problems.push({ path: "--chunk-size", message: `expected at least 16, got ${size}` });
  if (overlap >= size)
    problems.push({ path: "--chunk-overlap", message: `expected less than --chunk-size (${size}), got ${overlap}` });
  if (problems.length > 0) throw usageError(problems);
}
