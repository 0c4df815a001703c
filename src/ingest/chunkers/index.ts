import { usageError, type Problem } from "../../errors.ts";
import type { Chunker, ChunkOptions, SourceDocument } from "../contract.ts";
import { separatorChunker } from "./separators.ts";

/** Every chunker there is, by the format it suits. */
export const chunkers = {
  /** Paragraphs, then lines, then words, then characters. */
  text: separatorChunker("text"),
  /** Headings and fences before paragraphs. */
  markdown: separatorChunker("markdown"),
} as const satisfies Record<SourceDocument["format"], Chunker>;

export const defaultChunkOptions: ChunkOptions = { size: 1000, overlap: 100 };

/** @throws RagctlError exit 2 where the numbers make no sense */
export function checkChunkOptions({ size, overlap }: ChunkOptions): void {
  const problems: Problem[] = [];
  if (size < 16) problems.push({ path: "--chunk-size", message: `expected at least 16 characters, got ${size}` });
  if (overlap >= size)
    problems.push({ path: "--chunk-overlap", message: `expected less than --chunk-size (${size}), got ${overlap}` });
  if (problems.length > 0) throw usageError(problems);
}
