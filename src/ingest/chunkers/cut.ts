import { isSpace, type Boundary, type Start } from "./boundaries.ts";

/** How long a stretch may be, in whatever unit. */
export interface Ruler {
  /** How far a piece that begins at `start` may reach, at most; always beyond `start`. */
  limit(start: number): number;
  /** The earliest place from which to `end` is no more than may be shared. */
  reach(end: number): number;
  /** Whether the stretch is short enough, where `limit` is an estimate; otherwise a better limit, below `end`. */
  tooLong?(start: number, end: number): number | undefined;
}

export interface CutSpec {
  /** Coarsest first; the last one finds a place in any text. */
  levels: readonly Boundary[];
  /** Where what is shared may begin. */
  sharedFrom: Start;
  /** Pieces that meet at one of so many of the coarsest levels share nothing. */
  unsharedLevels?: number;
  ruler: Ruler;
}

/** A piece is `text.slice(start, end)`; from `content` on it is new, before that the piece before it has it too. */
interface Cut {
  start: number;
  content: number;
  end: number;
}

/**
 * Cuts a text into pieces that follow each other, each as long as the ruler lets it and ending at the coarsest boundary
 * that is within reach. A piece begins with the end of the one before it, as far as that is shared, unless this would cost it a coarser
 * end. Pieces have no space at their ends; all that is not space is in one of them.
 */
export function cut(text: string, { levels, sharedFrom, unsharedLevels = 0, ruler }: CutSpec): Cut[] {
  const pieces: Cut[] = [];
  let lastLevel = -1;
  const textEnd = skipSpaceBack(text, text.length, 0);
  let content = skipSpace(text, 0);
  while (content < textEnd) {
    const alone = endOf(content, content);
    const last = pieces.at(-1);
    const start = last && lastLevel >= unsharedLevels ? sharedStart(last) : content;
    const shared = start < content ? endOf(start, content) : undefined;
    const piece = shared && shared.level <= alone.level ? { start, ...shared } : { start: content, ...alone };
    pieces.push({ start: piece.start, content, end: skipSpaceBack(text, piece.end, piece.start) });
    lastLevel = piece.level;
    content = skipSpace(text, piece.end);
  }
  return pieces;

  /** Where a piece ends that begins at `start` and has new text from `content` on. Level -1: the text ends there. */
  function endOf(start: number, content: number): { end: number; level: number } {
    let limit = ruler.limit(start);
    for (;;) {
      const found = within(content, limit);
      const better = ruler.tooLong?.(start, skipSpaceBack(text, found.end, start));
      if (better === undefined || found.end <= content + 1) return found;
      limit = Math.min(better, found.end - 1);
    }
  }

  function within(content: number, limit: number): { end: number; level: number } {
    if (limit >= textEnd) return { end: textEnd, level: -1 };
    if (limit > content)
      for (const [level, boundary] of levels.entries()) {
        const end = boundary(text, content, limit);
        if (end !== undefined) return { end, level };
      }
    // No room for anything new beside what is shared.
    return { end: content + 1, level: levels.length };
  }

  function sharedStart(last: Cut): number {
    const from = Math.max(ruler.reach(last.end), last.start + 1);
    const start = from < last.end ? sharedFrom(text, from, last.end) : undefined;
    return start === undefined ? content : skipSpace(text, start);
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text, at)) at++;
  return at;
}

function skipSpaceBack(text: string, to: number, from: number): number {
  let at = to;
  while (at > from && isSpace(text, at - 1)) at--;
  return at;
}

/** Counts UTF-16 units. */
export function characterRuler(size: number, overlap: number): Ruler {
  return { limit: (start) => start + size, reach: (end) => end - overlap };
}
