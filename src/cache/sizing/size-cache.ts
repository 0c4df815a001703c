import { usageError } from "../../errors.ts";
import { formatCount, formatPercent } from "../../units.ts";
import { interpolator, kneeOf, smallestSize, smallestWorth, type HitPoint } from "./advice.ts";
import type { Axis } from "./estimate.ts";
import { measurement, type Measured } from "./measure.ts";
import { spacedSizes, type Size } from "./points.ts";
import { readTrace, type TraceInput, type TraceShape } from "./read/open.ts";
import type { CacheSizeResult, ChosenSize, SizePoint } from "./result.ts";
import type { Eviction } from "./simulate/index.ts";

/** Where nothing tells what an entry takes: ten short passages. */
const assumedEntryBytes = 4096;
/** A doubling that adds less than a percentage point is not worth its memory, unless a target says otherwise. */
const worthwhileGain = 0.01;
const levels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];
const gib = 2 ** 30;

export interface SizeCacheOptions {
  policy: Eviction;
  /** Undefined: entries stay until they are evicted. */
  ttlMs: number | undefined;
  near: (Size & { ttlMs: number | undefined }) | undefined;
  method: "exact" | "shards" | "auto";
  rate: number | undefined;
  seed: number;
  /** Points of the curve; none: about a hundred, spread over all sizes that matter. */
  sizes: readonly Size[];
  targetHit: number | undefined;
  /** Of every entry, the cache's overhead included; undefined: the trace's, or an assumption. */
  entryBytes: number | undefined;
  overheadBytes: number;
  /** Of a GiB a month, in any currency. */
  price: number | undefined;
  signal?: AbortSignal;
  onRead?: (doneBytes: number, sizeBytes: number | undefined) => void;
}

/**
 * How large a cache must be: the miss-ratio curve of a trace or a query log, and what follows from it.
 * @throws RagctlError exit 2 for what is wrong with the input, or lacks for what is asked
 */
export async function sizeCache(input: TraceInput, options: SizeCacheOptions): Promise<CacheSizeResult> {
  const { seed, signal, onRead, overheadBytes } = options;
  const timed = options.ttlMs !== undefined || options.near?.ttlMs !== undefined;
  let shape: TraceShape | undefined;
  let end: (() => Measured) | undefined;
  await readTrace(input, (found) => {
    shape = found;
    if (timed && !found.timed)
      throw usageError([{ file: input.file, message: "has no times, and how long an entry lives is a matter of time" }], {
        code: "trace-invalid",
        hint: "a TTL takes a CSV or JSONL with a timestamp, at or ts in every row; leave the TTL out otherwise",
      });
    const weighted = found.sized && options.entryBytes === undefined;
    const entryBytes = options.entryBytes ?? assumedEntryBytes;
    const { sink, end: ended } = measurement({
      ...options,
      design: designOf(options, weighted, entryBytes),
      weighted,
      entryBytes,
    });
    end = ended;
    return { sink, seed, entryBytes, overheadBytes, timed, ...(signal && { signal }), ...(onRead && { onRead }) };
  });
  const measured = end!();
  if (measured.sampledKeys === 0)
    throw usageError(
      [{ path: "--rate", message: `none of the trace's keys is in a sample of ${formatPercent(measured.rate)}` }],
      {
        hint: "take a larger share, or --method exact",
      },
    );
  return resultOf(input, shape!, measured, options);
}

/** Where all entries take as much, sizes in bytes are sizes in entries. */
function designOf({ policy, ttlMs, near }: SizeCacheOptions, weighted: boolean, entryBytes: number) {
  const inEntries = near?.axis === "bytes" && !weighted;
  return {
    eviction: policy,
    ttlUs: microseconds(ttlMs),
    near: near && {
      axis: inEntries ? ("entries" as const) : near.axis,
      size: inEntries ? Math.floor(near.size / entryBytes) : near.size,
      ttlUs: microseconds(near.ttlMs),
    },
  };
}

function microseconds(ms: number | undefined): number {
  return ms === undefined ? Infinity : ms * 1000;
}

function resultOf(input: TraceInput, shape: TraceShape, measured: Measured, options: SizeCacheOptions): CacheSizeResult {
  const { policy, ttlMs, near, price, seed, targetHit } = options;
  const { references, distinct, rate, composition } = measured;
  const weighted = shape.sized && options.entryBytes === undefined;
  const axis: Axis = weighted ? "bytes" : "entries";
  const everything = axis === "bytes" ? measured.totalBytes : distinct;
  const least = resolved(measured, axis);
  const estimate = remembered(measured);
  const grid = spacedSizes(least, everything, measured.costly ? 32 : 100);
  const points = grid.map((size) => pointOf({ axis, size }));
  const curve = grid.map((size): HitPoint => ({ size, hitRatio: 1 - estimate(axis, size).missRatio }));
  const hitRatioAt = measured.costly
    ? interpolator(curve, 1 - estimate(axis, 0).missRatio)
    : (size: number) => 1 - estimate(axis, size).missRatio;

  /** A size as asked for, on the axis that the estimator knows. */
  function pointOf(asked: Size): SizePoint {
    const size = asked.axis === "bytes" && !weighted ? { axis, size: composition.entriesOf(asked.size) } : asked;
    const { missRatio, error, nearHitRatio } = estimate(size.axis, size.size);
    return {
      entries: asked.axis === "entries" ? asked.size : composition.entriesOf(asked.size),
      bytes: Math.round(asked.axis === "bytes" ? asked.size : composition.bytesOf(asked.size)),
      missRatio,
      missRatioError: error,
      ...(near && { nearHitRatio, farHitRatio: Math.max(0, 1 - missRatio - nearHitRatio) }),
    };
  }

  /** The mean over sizes that are evenly spread, where they cost nothing: small ones, where a sample tells little, are few of those. */
  function errorOver(sizes: readonly number[], shown: readonly SizePoint[]): CacheSizeResult["expectedError"] {
    const sum = sizes.reduce((total, size) => total + estimate(axis, size).error, 0);
    return { mean: sum / sizes.length, largest: Math.max(...shown.map(({ missRatioError }) => missRatioError)) };
  }

  function chosen(size: number, known?: number): ChosenSize {
    const hitRatio = known ?? hitRatioAt(size);
    const bytes = Math.round(axis === "bytes" ? size : composition.bytesOf(size));
    const doublingGain = Math.max(0, hitRatioAt(size * 2) - hitRatio);
    const cost = price === undefined ? null : (price * bytes) / gib;
    return {
      entries: axis === "entries" ? size : composition.entriesOf(size),
      bytes,
      hitRatio,
      hitRatioError: nearestError(points, bytes),
      doublingGain,
      halvingLoss: Math.max(0, hitRatio - hitRatioAt(size / 2)),
      costPerMonth: cost,
      costPerPoint: cost === null || doublingGain <= 0 ? null : cost / (doublingGain * 100),
    };
  }

  const atTarget = targetHit === undefined ? undefined : smallest(targetHit, (size) => 1 - estimate(axis, size).missRatio);
  function smallest(hitRatio: number, at: (size: number) => number): number | undefined {
    return smallestSize(curve, hitRatio, at, measured.costly ? 6 : 60);
  }
  const worth = smallestWorth(curve, worthwhileGain, hitRatioAt);
  const knee = kneeOf(curve);
  const target =
    targetHit === undefined
      ? null
      : {
          hitRatio: targetHit,
          reached: atTarget !== undefined,
          size: atTarget === undefined ? null : chosen(atTarget, 1 - estimate(axis, atTarget).missRatio),
        };
  /** None of what the near tier reaches alone, or of what lies below the sample's resolution. */
  function sizeOfLevel(level: number): number[] {
    if (hitRatioAt(0) >= level || (rate < 1 && curve[0]!.hitRatio > level)) return [];
    const size = smallest(level, hitRatioAt);
    return size === undefined ? [] : [size];
  }
  const best = curve.at(-1)!.hitRatio;
  const recommendation = target?.size
    ? { ...target.size, reason: `the least that reaches ${formatPercent(targetHit!)} hits` }
    : {
        ...chosen(worth.size),
        reason:
          best < worthwhileGain
            ? `no size is worth it: ${formatPercent(distinct / references)} of the references are the first to their key`
            : `from here on, doubling buys less than ${worthwhileGain * 100} point`,
      };
  return {
    source: { kind: input.kind, file: input.file === "-" ? "stdin" : input.file, format: shape.format },
    references,
    distinct,
    coldMissRatio: Math.min(1, distinct / references),
    policy,
    ttlMs: ttlMs ?? null,
    near: near
      ? {
          entries: near.axis === "entries" ? near.size : null,
          bytes: near.axis === "bytes" ? near.size : null,
          ttlMs: near.ttlMs ?? null,
        }
      : null,
    method: rate === 1 && options.method !== "shards" ? "exact" : "shards",
    sampling:
      rate === 1 && options.method !== "shards"
        ? null
        : { rate, keys: measured.sampledKeys, references: measured.sampledReferences, seed },
    expectedError: errorOver(measured.costly ? grid : evenSizes(everything), points),
    entryBytes: {
      mean: distinct === 0 ? 0 : measured.totalBytes / distinct,
      source: options.entryBytes !== undefined ? "flag" : weighted ? "trace" : "assumed",
      overhead: weighted ? options.overheadBytes : 0,
    },
    axis,
    curve: options.sizes.length > 0 ? options.sizes.map(pointOf).toSorted((a, b) => a.bytes - b.bytes) : points,
    knee: chosen(knee.size),
    target,
    levels: [...new Set(levels.flatMap(sizeOfLevel))].map((size) => chosen(size)),
    recommendation,
    price: price ?? null,
    notes: notesOf(measured, options, { best, weighted, least: pointOf({ axis, size: least }) }),
  };
}

/** The least size that a curve can say anything of: one entry, or as many as four of the sample stand for. */
function resolved({ rate, totalBytes, distinct }: Measured, axis: Axis): number {
  const entries = rate === 1 ? 1 : Math.ceil(4 / rate);
  return axis === "entries" ? entries : Math.ceil((entries * totalBytes) / Math.max(1, distinct));
}

/** A hundred from nothing to everything. */
function evenSizes(everything: number): number[] {
  return Array.from({ length: 100 }, (_, i) => Math.max(1, Math.round((everything * (i + 1)) / 100)));
}

/** An estimator that asks for each size once. */
function remembered({ estimate }: Measured): Measured["estimate"] {
  const known = new Map<string, ReturnType<Measured["estimate"]>>();
  return (axis, size) => {
    const name = `${axis} ${size}`;
    const found = known.get(name) ?? estimate(axis, size);
    known.set(name, found);
    return found;
  };
}

function nearestError(points: readonly SizePoint[], bytes: number): number {
  return (points.find((point) => point.bytes >= bytes) ?? points.at(-1)!).missRatioError;
}

function notesOf(
  measured: Measured,
  options: SizeCacheOptions,
  { best, weighted, least }: { best: number; weighted: boolean; least: SizePoint },
): string[] {
  const { references, distinct, rate, sampledKeys } = measured;
  const { policy, ttlMs, near, entryBytes, targetHit } = options;
  const cold = distinct / references;
  const notes = [
    `${formatPercent(cold)} of the references are the first to their key: no cache answers those, and they count as misses. A longer log has a smaller share of them.`,
  ];
  if (targetHit !== undefined && best < targetHit)
    notes.push(`No size reaches ${formatPercent(targetHit)}: a cache that holds everything answers ${formatPercent(best)}.`);
  if (ttlMs !== undefined && 1 - best - cold > 0.0005)
    notes.push(`${formatPercent(1 - best - cold)} are misses because the entry had expired, even where everything fits.`);
  if (policy === "lfu") notes.push("LFU is the textbook's, with counts that do not age; Redis's allkeys-lfu comes near to it.");
  if (near && rate < 1 && near.axis === "entries" && near.size * rate < 64)
    notes.push(
      `The near tier is ${formatCount(near.size * rate)} entries in a sample of ${formatPercent(rate)}: take a larger --rate, or --method exact, for its hits.`,
    );
  if (rate < 1 && options.sizes.some(({ axis, size }) => size < least[axis]))
    notes.push(
      `Sizes below ${formatCount(least.entries)} entries are less than four of the sample: take a larger --rate for those.`,
    );
  if (rate < 1 && sampledKeys < 1000) notes.push(`Only ${formatCount(sampledKeys)} keys were sampled: take a larger --rate.`);
  if (entryBytes === undefined && !weighted)
    notes.push(`Nothing tells how large an entry is: ${formatCount(assumedEntryBytes)} bytes are assumed. Give --entry-bytes.`);
  return notes;
}
