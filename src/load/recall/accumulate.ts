import { studentCritical } from "../statistics/student.ts";

/** Recalls of many queries, added up so that two tallies of different workers or windows merge exactly. */
export interface RecallTally {
  n: number;
  sum: number;
  sumSquares: number;
}

export const emptyTally = (): RecallTally => ({ n: 0, sum: 0, sumSquares: 0 });

export function addRecall(tally: RecallTally, recall: number): void {
  tally.n++;
  tally.sum += recall;
  tally.sumSquares += recall * recall;
}

export function mergeTallies(tallies: Iterable<Readonly<RecallTally>>): RecallTally {
  const merged = emptyTally();
  for (const { n, sum, sumSquares } of tallies) {
    merged.n += n;
    merged.sum += sum;
    merged.sumSquares += sumSquares;
  }
  return merged;
}

export interface RecallEstimate {
  n: number;
  mean: number;
  low: number;
  high: number;
}

/**
 * Mean recall with its interval: Wilson's score interval at the effective sample size of Korn & Graubard (1998), n* = mean (1 − mean) ÷ squared standard
 * error, with Student's t. The hits of one query stand and fall together, so queries are the sample and not hits; and unlike mean ± t × error
 * the interval stays within 0 … 1, and does not shrink to a point when every query was perfect (then n* is the number of queries).
 * @returns undefined where there were no queries
 */
export function estimateRecall({ n, sum, sumSquares }: Readonly<RecallTally>, confidence = 0.95): RecallEstimate | undefined {
  if (n === 0) return undefined;
  const mean = sum / n;
  if (n === 1) return { n, mean, low: 0, high: 1 };
  const variance = Math.max(0, (sumSquares - n * mean * mean) / (n - 1));
  const spread = mean * (1 - mean);
  // Equal recalls of all queries say less than their zero variance pretends: at least as wide as if each hit or missed as a whole.
  const effective = variance > 1e-12 && spread > 1e-12 ? (spread * n) / variance : n;
  const t = studentCritical(confidence, n - 1);
  const square = (t * t) / effective;
  const centre = (mean + square / 2) / (1 + square);
  const half = (t / (1 + square)) * Math.sqrt(spread / effective + square / (4 * effective));
  return { n, mean, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Tallies by window of the run. Memory grows with the windows that hold queries, not with the queries. */
export class RecallWindows {
  readonly windowMs: number;
  readonly #windows = new Map<number, RecallTally>();

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** @param atMs the query's intended start, from the start of the measured part */
  add(atMs: number, recall: number): void {
    addRecall(this.#tally(Math.floor(atMs / this.windowMs)), recall);
  }

  /** Takes in what another worker counted, in windows of the same length. */
  merge(windows: Iterable<{ startMs: number } & Readonly<RecallTally>>): void {
    for (const { startMs, ...tally } of windows) {
      const at = Math.floor(startMs / this.windowMs);
      this.#windows.set(at, mergeTallies([this.#tally(at), tally]));
    }
  }

  /** In order of time; plain data, to be posted between workers. */
  list(): ({ startMs: number } & RecallTally)[] {
    const inOrder = [...this.#windows].sort((a, b) => a[0] - b[0]);
    return inOrder.map(([at, { n, sum, sumSquares }]) => ({ startMs: at * this.windowMs, n, sum, sumSquares }));
  }

  total(): RecallTally {
    return mergeTallies(this.#windows.values());
  }

  #tally(at: number): RecallTally {
    let tally = this.#windows.get(at);
    if (!tally) this.#windows.set(at, (tally = emptyTally()));
    return tally;
  }
}
