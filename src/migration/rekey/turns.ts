/**
 * Lets so many of these run at once; the others wait, first come, first served. A scan of each cell side by side asks for a page of every one of
 * them at once, and a node has searches to answer meanwhile.
 */
export function inTurns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The place goes to the next, who does not take another.
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
