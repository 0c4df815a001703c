import type { Boundary } from "./boundaries.ts";

/** What a chunker needs of a Markdown text. */
interface MarkdownOutline {
  /** In front of headings of the first level, of the second …, and in front of any other block: coarsest first. */
  levels: Boundary[];
  /** The headings that a place stands under, outermost first, as plain text. */
  headingsAt: (place: number) => string[];
}

interface Heading {
  start: number;
  level: number;
  title: string;
}

/** The blocks of a CommonMark text (markdown-it, loaded with the first one), whose places it gives by lines. */
export async function outlineOf(text: string): Promise<MarkdownOutline> {
  const { default: MarkdownIt } = await import("markdown-it");
  const parser = new MarkdownIt({ html: true });
  // Blocks are all that is wanted: what stands inside a line costs most of the time.
  parser.core.ruler.disable(["inline", "linkify", "replacements", "smartquotes", "text_join"], true);
  const tokens = parser.parse(text, {});
  const lineStarts = startsOfLines(text);
  const headings: Heading[] = [];
  const starts: number[][] = Array.from({ length: 7 }, () => []);
  /** Whether nothing but headings has stood since the last other block: they belong to what follows them. */
  let pending = false;
  for (const [at, token] of tokens.entries()) {
    if (token.level > 0 || token.nesting === -1 || !token.map || token.type === "inline") continue;
    const start = lineStarts[token.map[0]] ?? text.length;
    const level = token.type === "heading_open" ? Number(token.tag.slice(1)) : undefined;
    if (level !== undefined) headings.push({ start, level, title: plainText(tokens[at + 1]?.content ?? "") });
    if (!pending) starts[level === undefined ? 6 : level - 1]!.push(start);
    pending = level !== undefined;
  }
  const paths = pathsOf(headings);
  const headingStarts = headings.map(({ start }) => start);
  return { levels: starts.map(placesBoundary), headingsAt: (place) => paths[indexAfter(headingStarts, place) - 1] ?? [] };
}

/** Of each heading: itself, behind those that it stands under. */
function pathsOf(headings: readonly Heading[]): string[][] {
  const open: Heading[] = [];
  return headings.map((heading) => {
    while (open.length > 0 && open.at(-1)!.level >= heading.level) open.pop();
    open.push(heading);
    return open.map(({ title }) => title).filter((title) => title !== "");
  });
}

/** Places that are known beforehand, in order. */
function placesBoundary(places: readonly number[]): Boundary {
  return (_text, from, to) => {
    const place = places[indexAfter(places, to) - 1];
    return place !== undefined && place > from ? place : undefined;
  };
}

/** How many of the places, in ascending order, are at or before this one. */
function indexAfter(places: readonly number[], place: number): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle]! <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Line ends as CommonMark has them: line feed, carriage return, or both. */
function startsOfLines(text: string): number[] {
  const starts = [0];
  for (const end of text.matchAll(/\r\n|\r|\n/g)) starts.push(end.index + end[0].length);
  return starts;
}

/** A heading's text without the marks of emphasis, code, links and HTML. */
export function plainText(markdown: string): string {
  return markdown
    .replaceAll(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll(/[`*]/g, "")
    .trim();
}
