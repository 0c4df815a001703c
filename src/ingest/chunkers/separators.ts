import type { RecursiveCharacterTextSplitter } from "@langchain/textsplitters";
import type { Chunker, ChunkOptions, SourceDocument } from "../contract.ts";

type Format = SourceDocument["format"];

/**
 * Splits at the coarsest separator that makes pieces small enough, and merges small neighbours again (LangChain's recursive
 * splitter). Loaded with the first text that needs it.
 */
export function separatorChunker(format: Format): Chunker {
  const splitters = new Map<string, Promise<RecursiveCharacterTextSplitter>>();
  return async (text, options) => {
    // What the splitter would give for a text that fits, without loading it.
    if (text.length < options.size) return [text.trim()].filter(Boolean);
    const name = `${options.size}/${options.overlap}`;
    const splitter = splitters.get(name) ?? makeSplitter(format, options);
    splitters.set(name, splitter);
    const pieces = await (await splitter).splitText(text);
    return pieces.filter((piece) => piece.trim() !== "");
  };
}

async function makeSplitter(format: Format, options: ChunkOptions): Promise<RecursiveCharacterTextSplitter> {
  const { RecursiveCharacterTextSplitter } = await import("@langchain/textsplitters");
  /** The library cuts at UTF-16 units where nothing else helps, and so through the middle of an emoji. */
  class WholeCharacters extends RecursiveCharacterTextSplitter {
    protected override splitOnSeparator(text: string, separator: string): string[] {
      return separator === "" ? Array.from(text) : super.splitOnSeparator(text, separator);
    }
  }
  return new WholeCharacters({
    chunkSize: options.size,
    chunkOverlap: options.overlap,
    ...(format === "markdown" ? { separators: RecursiveCharacterTextSplitter.getSeparatorsForLanguage("markdown") } : {}),
  });
}
