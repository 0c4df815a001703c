import { describe, expect, it } from "vitest";
import { checkChunkOptions, chunkText } from "../../../src/ingest/chunkers/index.ts";
import type { ChunkerName, ChunkOptions, SourceDocument } from "../../../src/ingest/contract.ts";
import { seededRng } from "../../../src/runtime.ts";

async function chunk(text: string, options: Partial<ChunkOptions>, format: SourceDocument["format"] = "text") {
  const pieces = await chunkText(text, format, { by: "format", size: 100, overlap: 0, ...options });
  return pieces.map(({ start, end, headings }) =>
    headings ? { text: text.slice(start, end), headings } : { text: text.slice(start, end) },
  );
}
const texts = async (...args: Parameters<typeof chunk>) => (await chunk(...args)).map(({ text }) => text);

describe("chunks of text", () => {
  it("are the text itself where it is short, and paragraphs where it is long", async () => {
    expect(await texts(" short \n", {})).toEqual(["short"]);
    const text = Array.from({ length: 5 }, (_, at) => `paragraph ${at} `.repeat(5).trim()).join("\n\n");
    expect(await texts(text, {})).toEqual(text.split("\n\n"));
  });

  it.each([
    ["just fits", "one two\n\nthree", 14, ["one two\n\nthree"]],
    ["is too long by one", "one two\n\nthree", 13, ["one two", "three"]],
    ["has lines with spaces, and CRLF", "one two\r\n \r\nthree\r\nfour", 14, ["one two", "three\r\nfour"]],
    ["has sentences", "The first one. The second. And a third one!", 30, ["The first one. The second.", "And a third one!"]],
    ["has no space", "abcdefghijklmnopqrstuvwxyz", 16, ["abcdefghijklmnop", "qrstuvwxyz"]],
    [
      "has Chinese sentences",
      "今天天气很好。我们去公园散步。晚上一起吃饭。",
      16,
      ["今天天气很好。我们去公园散步。", "晚上一起吃饭。"],
    ],
    ["is blank", " \n\t\u00a0\u3000", 16, []],
  ])("where it %s", async (_, text, size, expected) => {
    expect(await texts(text, { size })).toEqual(expected);
  });

  it("share whole words with the one before, unless that would cost them a coarser end", async () => {
    expect(await texts("aaaa bbbb cccc dddd eeee ffff", { size: 19, overlap: 6 })).toEqual([
      "aaaa bbbb cccc dddd",
      "dddd eeee ffff",
    ]);
    const paragraph = "words ".repeat(16).trim();
    expect(await texts(`${paragraph}\n\n${paragraph}`, { size: 97, overlap: 20 })).toEqual([paragraph, paragraph]);
  });

  it("by sentences are whole sentences, and share whole ones", async () => {
    const text = "One is short. Two is\nas short. Three too. Four is not the last one. Five is the last one.";
    expect(await texts(text, { by: "sentences", size: 40, overlap: 20 })).toEqual([
      "One is short. Two is\nas short.",
      "Two is\nas short. Three too.",
      "Three too. Four is not the last one.",
      "Five is the last one.",
    ]);
  });
});

describe("chunks of Markdown", () => {
  it("are sections, with their headings; a heading stays with what it is about", async () => {
    const body = "words ".repeat(13).trim();
    const text = `# Guide\n\n## Install\n\n### *Linux*\n\n${body}\n\n### macOS\n\n${body}\n\nUsage\n-----\n\n${body}\n`;
    expect(await chunk(text, { overlap: 30, size: 112 }, "markdown")).toEqual([
      { text: `# Guide\n\n## Install\n\n### *Linux*\n\n${body}`, headings: ["Guide"] },
      { text: `### macOS\n\n${body}`, headings: ["Guide", "Install", "macOS"] },
      { text: `Usage\n-----\n\n${body}`, headings: ["Guide", "Usage"] },
    ]);
  });

  it("do not take a comment in code for a heading", async () => {
    const code = `\`\`\`sh\n# not a heading\n${"make\n".repeat(8)}\`\`\``;
    const text = `## Build\n\n${"words ".repeat(10).trim()}\n\n${code}\n\n## Next\n\nmore`;
    expect(await chunk(text, { size: 79 }, "markdown")).toEqual([
      { text: `## Build\n\n${"words ".repeat(10).trim()}`, headings: ["Build"] },
      { text: code, headings: ["Build"] },
      { text: "## Next\n\nmore", headings: ["Next"] },
    ]);
  });
});

describe("chunks by tokens", () => {
  it("have no more tokens than they may, as the tokenizer itself counts them", async () => {
    const { countTokens } = await import("gpt-tokenizer/encoding/cl100k_base");
    const text = randomText(7, 3000);
    for (const [size, overlap] of [
      [16, 0],
      [40, 8],
    ] as const) {
      const pieces = await texts(text, { by: "tokens", size, overlap });
      const counts = pieces.map((piece) => countTokens(piece));
      expect(Math.max(...counts)).toBeLessThanOrEqual(size);
      // Most of them use the room that there is.
      expect(counts.reduce((sum, count) => sum + count, 0) / counts.length).toBeGreaterThan(size / 2);
    }
  });

  it("take one endless word in the time of many short ones", async () => {
    const pieces = await texts("a".repeat(100_000), { by: "tokens", size: 256 });
    expect(pieces.join("")).toBe("a".repeat(100_000));
  });
});

/** Words, punctuation, line ends, emoji that are joined from several, accents of their own, and long words. */
function randomText(seed: number, parts: number): string {
  const rng = seededRng(seed);
  const vocabulary = [
    "word",
    "another",
    "x",
    "naïve",
    "e\u0301",
    "👩‍👩‍👧‍👦",
    "🚀🚀",
    "中文字",
    "한국어",
    "supercalifragilistic",
    ". ",
    "! ",
    "\n",
    "\n\n",
    "\r\n",
    "# ",
    "- ",
    "```\n",
    "\t",
    "\u00a0",
    "0123456789".repeat(4),
  ];
  return Array.from(
    { length: parts },
    () => `${vocabulary[Math.floor(rng() * vocabulary.length)]}${rng() < 0.6 ? " " : ""}`,
  ).join("");
}

describe("any text, any chunker", () => {
  const cases = (["recursive", "markdown", "sentences", "tokens"] satisfies ChunkerName[]).flatMap((by) =>
    [1, 2, 3].map((seed) => ({ by, seed })),
  );
  it.each(cases)("$by, seed $seed: nothing is lost, cut through, too long, or different the next time", async ({ by, seed }) => {
    const text = randomText(seed, 800);
    for (const [size, overlap] of [
      [16, 0],
      [16, 15],
      [100, 20],
      [500, 100],
    ] as const) {
      const options = { by, size, overlap };
      const pieces = await chunkText(text, "text", options);
      expect(await chunkText(text, "text", options)).toEqual(pieces);
      let covered = 0;
      for (const { start, end } of pieces) {
        const piece = text.slice(start, end);
        expect(piece.isWellFormed()).toBe(true);
        expect(piece).toBe(piece.trim());
        expect(piece).not.toBe("");
        if (by !== "tokens") {
          expect(piece.length).toBeLessThanOrEqual(size);
          expect(covered - start).toBeLessThanOrEqual(overlap);
        }
        expect(text.slice(covered, Math.max(covered, start)).trim()).toBe("");
        expect(end).toBeGreaterThan(covered);
        covered = end;
      }
      expect(text.slice(covered).trim()).toBe("");
    }
  });
});

it("chunk sizes must make sense", () => {
  expect(() => checkChunkOptions({ by: "format", size: 10, overlap: 10 })).toThrow("2 problems");
  expect(() => checkChunkOptions({ by: "format", size: 100, overlap: 99 })).not.toThrow();
});
