/** By how much the pacer's rate grows in a window while nothing objects, and how long a window is. */
export const rampFactor = 1.15;
export const windowMs = 250;

interface Rates {
  start: number;
  max: number;
}

/** How many queries fit into a time, were nothing ever to object: the rate grows window by window, up to the greatest. */
export function queriesWithin(timeMs: number, { start, max }: Rates): number {
  let [queries, atMs] = [0, 0];
  for (let rate = start; atMs < timeMs && rate < max; rate *= rampFactor) {
    const spanMs = Math.min(windowMs, timeMs - atMs);
    queries += (rate * spanMs) / 1000;
    atMs += spanMs;
  }
  return Math.floor(queries + (max * Math.max(0, timeMs - atMs)) / 1000 + 1e-9);
}

/** The other way round: the least time that so many take, ms. */
export function leastTimeMs(queries: number, { start, max }: Rates): number {
  let [left, atMs] = [queries, 0];
  for (let rate = Math.min(start, max); ; rate = Math.min(max, rate * rampFactor)) {
    const window = (rate * windowMs) / 1000;
    if (rate >= max || left <= window) return atMs + (left / rate) * 1000;
    left -= window;
    atMs += windowMs;
  }
}
