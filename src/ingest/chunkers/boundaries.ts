/** Where a text may be cut: the last such place in (from, to], or undefined. */
export type Boundary = (text: string, from: number, to: number) => number | undefined;

/** Where a piece may begin that repeats the end of another: the first such place in [from, to), or undefined. */
export type Start = (text: string, from: number, to: number) => number | undefined;

/** Behind a blank line. */
export const paragraphs: Boundary = (text, from, to) => lastLine(text, from, to, true);

/** Behind a line feed. */
export const lines: Boundary = (text, from, to) => lastLine(text, from, to, false);

/** Where a sentence ends, by Unicode's rules (UAX #29). */
export const sentences: Boundary = (text, from, to) => {
  let last: number | undefined;
  // A little beyond, since what follows decides whether a full stop ends a sentence.
  for (const { index } of sentenceSegmenter().segment(unwrapped(text.slice(from, to + lookAhead)))) {
    if (from + index > to) break;
    if (index > 0) last = from + index;
  }
  return last;
};

export const startOfSentence: Start = (text, from, to) => {
  const earliest = Math.max(0, from - longestLookBack);
  const begin = paragraphs(text, earliest, from) ?? earliest;
  for (const { index } of sentenceSegmenter().segment(unwrapped(text.slice(begin, to + lookAhead))))
    if (begin + index >= from) return begin + index < to ? begin + index : undefined;
  return undefined;
};

/** At white space. */
export const words: Boundary = (text, from, to) => {
  for (let at = to; at > from; at--) if (isSpace(text, at - 1) || isSpace(text, at)) return at;
  return undefined;
};

export const startOfWord: Start = (text, from, to) => {
  for (let at = from; at < to; at++) if (!isSpace(text, at) && (at === 0 || isSpace(text, at - 1))) return at;
  return undefined;
};

/** Between characters as people see them; where one is longer than all the room there is, between code points. */
export const characters: Boundary = (text, from, to) => {
  const begin = Math.max(from, to - longestLookBack);
  const segments = graphemeSegmenter().segment(text.slice(begin, to + lookAhead));
  const at = begin + (segments.containing(to - begin)?.index ?? 0);
  if (at > from) return at;
  // In the middle of a surrogate pair: before it, where that leaves anything; else behind it.
  return !insidePair(text, to) ? to : to - 1 > from ? to - 1 : to + 1;
};

const lookAhead = 64;
const longestLookBack = 2000;

/** Made with the first text that needs one: it takes milliseconds. Rules without a locale, so that every machine cuts alike. */
const sentenceSegmenter = once(() => new Intl.Segmenter("und", { granularity: "sentence" }));
const graphemeSegmenter = once(() => new Intl.Segmenter("und", { granularity: "grapheme" }));

/** To Unicode's rules every line feed ends a sentence; to people, one that wraps a line does not. Places stay the same. */
function unwrapped(text: string): string {
  return text.replaceAll(/(?<=\S[ \t]*)(\r?)\n(?=[ \t]*[^\s])/g, (feed) => " ".repeat(feed.length));
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function lastLine(text: string, from: number, to: number, afterBlank: boolean): number | undefined {
  // Of this stretch alone: a search in all of a text without line feeds would go back to its start every time.
  const stretch = text.slice(from, to);
  for (let feed = stretch.lastIndexOf("\n"); feed >= 0; feed = feed === 0 ? -1 : stretch.lastIndexOf("\n", feed - 1))
    if (!afterBlank || isBlankBefore(text, from + feed)) return from + feed + 1;
  return undefined;
}

/** Whether the line that this line feed ends is blank. */
function isBlankBefore(text: string, feed: number): boolean {
  let at = feed - 1;
  while (at >= 0 && (text[at] === " " || text[at] === "\t" || text[at] === "\r")) at--;
  return at >= 0 && text[at] === "\n";
}

export function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code <= 32) return code === 32 || (code >= 9 && code <= 13);
  return code >= 160 && text.charAt(at).trim() === "";
}

function insidePair(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff;
}
