import type { KeyOperation } from "./operation.ts";

/** What was found of a key somewhere: nothing, a point with a version, or one without. */
export type Found = { there: false } | { there: true; version: number | undefined };

/** What a look at a key may find, and what it must not. */
export interface Expectation {
  /** The last acknowledged change that was complete before the look; where two ran side by side, the one with the higher version. Undefined: none was. */
  last: KeyOperation | undefined;
  /** Versions that may be found: acknowledged or of unknown outcome, and not followed by an acknowledged change that began after their end. */
  versions: ReadonlySet<number>;
  absentAllowed: boolean;
  /** A change without a known version may be what is found. */
  anyVersion: boolean;
  /** Versions that the history knows of. */
  known: ReadonlySet<number>;
}

/** Whether it is a change of the key. */
function isChange({ kind }: KeyOperation): boolean {
  return kind === "write" || kind === "delete";
}

/**
 * What a look at a key may find, by everything that was done to it. Changes that overlap may have come to pass in either order; one of unknown outcome may
 * be there or not, but must not undo an acknowledged change that began after its end. Sorted once, so that a look costs no more than a search.
 */
export class KeyHistory {
  /** In order of their ends. */
  readonly #changes: readonly KeyOperation[];
  /** Up to each: when the acknowledged change that began last began. */
  readonly #horizons: readonly number[];
  /** From each on: when the first to begin began. */
  readonly #starts: readonly number[];
  readonly #known: ReadonlySet<number>;

  constructor(operations: readonly KeyOperation[]) {
    this.#changes = operations.filter(isChange).toSorted((a, b) => a.endUs - b.endUs);
    let horizon = -Infinity;
    this.#horizons = this.#changes.map(({ sure, startUs }) => (horizon = sure ? Math.max(horizon, startUs) : horizon));
    let start = Infinity;
    this.#starts = this.#changes.map((_, at) => (start = Math.min(start, this.#changes.at(-1 - at)!.startUs))).toReversed();
    this.#known = new Set(this.#changes.flatMap(({ version }) => version ?? []));
  }

  /** Of a look that lasts from `startUs` to `endUs`. */
  expectation(startUs: number, endUs: number): Expectation {
    const changes = this.#changes;
    const before = this.#endedBy(startUs);
    const horizonUs = this.#horizons[before - 1] ?? -Infinity;
    const versions = new Set<number>();
    let last: KeyOperation | undefined;
    let absentAllowed = horizonUs === -Infinity;
    let anyVersion = false;
    for (let at = this.#endedBy(horizonUs); at < changes.length && this.#starts[at]! < endUs; at++) {
      const change = changes[at]!;
      if (change.startUs >= endUs) continue;
      if (change.sure && at < before && (!last || (change.version ?? 0) > (last.version ?? 0))) last = change;
      if (change.kind === "delete") absentAllowed = true;
      else if (change.version === undefined) anyVersion = true;
      else versions.add(change.version);
    }
    return { last, versions, absentAllowed, anyVersion, known: this.#known };
  }

  /** Once everything has ended. */
  get atTheEnd(): Expectation {
    return this.expectation(Infinity, Infinity);
  }

  /** How many had ended by then. */
  #endedBy(us: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#changes[middle]!.endUs <= us) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export type Finding = "fine" | "missing" | "older" | "undeleted";

/**
 * What a look has found, against what it may. A point without a version says nothing of its age; one with a version that nobody of the history wrote is
 * somebody else's, and only held against the cluster where it is older than the last acknowledged change.
 */
export function findingOf({ last, versions, absentAllowed, anyVersion, known }: Expectation, found: Found): Finding {
  if (!found.there) return absentAllowed ? "fine" : "missing";
  const { version } = found;
  if (!last || version === undefined) return last?.kind === "delete" && versions.size === 0 && !anyVersion ? "undeleted" : "fine";
  if (versions.has(version) || version >= (last.version ?? 0)) return "fine";
  if (anyVersion && !known.has(version)) return "fine";
  return last.kind === "delete" ? "undeleted" : "older";
}

/** A read that returned something older than what had been acknowledged before it began. */
export interface StaleRead {
  how: "fetch" | "search";
  finding: Exclude<Finding, "fine">;
  found: number | null;
  /** What it had to find at least. */
  expected: number | null;
  /** From that acknowledgement until the read began. */
  afterMs: number;
}

/** The stale reads of one key. What a search did not find says nothing: it is approximate, and gives only the best. */
export function staleReads(operations: readonly KeyOperation[], history: KeyHistory): StaleRead[] {
  return operations.flatMap((read): StaleRead[] => {
    if (isChange(read) || (read.kind === "hit" && !read.sure)) return [];
    const expectation = history.expectation(read.startUs, read.endUs);
    const finding = findingOf(expectation, read.sure ? { there: true, version: read.version } : { there: false });
    if (finding === "fine") return [];
    const { last } = expectation;
    return [
      {
        how: read.kind === "hit" ? "search" : "fetch",
        finding,
        found: read.version ?? null,
        expected: last!.version ?? null,
        afterMs: Math.max(0, (read.startUs - last!.endUs) / 1000),
      },
    ];
  });
}
