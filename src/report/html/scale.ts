/** Maps values to pixels; `ticks` are the values to label. */
export interface Scale {
  (value: number): number;
  readonly ticks: readonly number[];
}

/** @param from, to values at the ends @param range pixels at the ends */
export function linearScale(from: number, to: number, range: readonly [number, number], ticks: readonly number[]): Scale {
  const span = to - from || 1;
  const map = (value: number) => range[0] + ((Math.min(to, Math.max(from, value)) - from) / span) * (range[1] - range[0]);
  return Object.assign(map, { ticks });
}

/** The same on a logarithmic axis; 0 < from < to. */
export function logScale(from: number, to: number, range: readonly [number, number], ticks: readonly number[]): Scale {
  const linear = linearScale(Math.log(from), Math.log(to), range, []);
  return Object.assign((value: number) => linear(Math.log(Math.max(from, value))), { ticks });
}

/** From zero to a round number that no value exceeds, in about `count` steps of 1, 2 or 5 × 10ⁿ. */
export function niceTicks(max: number, count: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999)!;
  const steps = Math.ceil(max / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** Round values around all others, for a logarithmic axis: 1, 2, 5 × 10ⁿ over two decades at most, else powers of ten. The first and the last are its ends. */
export function logTicks(min: number, max: number): number[] {
  const [low, high] = [Math.max(1e-6, min), Math.max(1e-6, min, max)];
  const decades = Math.log10(high / low);
  const factors = decades <= 1.5 ? [1, 2, 5] : decades <= 3 ? [1, 3] : [1];
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of factors) all.push(Number((factor * 10 ** power).toPrecision(12)));
  const first = all.findLastIndex((tick) => tick <= low * 1.0001);
  const last = all.findIndex((tick) => tick >= high * 0.9999);
  const ticks = all.slice(Math.max(0, first), last === -1 ? undefined : last + 1);
  return ticks.length > 1 ? ticks : [ticks[0] ?? low, (ticks[0] ?? low) * 10];
}

/** Seconds to label on a time axis: a step that people count in. */
export function timeTicks(seconds: number, most: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
  const step = steps.find((each) => seconds / each <= most) ?? 86_400 * Math.ceil(seconds / 86_400 / most);
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
}

/** Moves labels apart that stand too close, as little as it takes, in their order; stays within `range`. */
export function spread(positions: readonly number[], gap: number, range: readonly [number, number]): number[] {
  const order = positions.map((_, index) => index).toSorted((a, b) => positions[a]! - positions[b]!);
  const placed = [...positions];
  let floor = range[0];
  for (const index of order) {
    placed[index] = Math.max(placed[index]!, floor);
    floor = placed[index] + gap;
  }
  let ceiling = range[1];
  for (const index of order.toReversed()) {
    placed[index] = Math.min(placed[index]!, ceiling);
    ceiling = placed[index] - gap;
  }
  return placed;
}
