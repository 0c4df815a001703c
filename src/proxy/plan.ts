import type { Rng } from "../runtime.ts";
import { pieceBytes, reserve, type Bucket } from "./bucket.ts";
import type { Impairment } from "./contract.ts";
import { sampleDelayMs, type DelaySpec } from "./delay.ts";
import type { WrongHits } from "./hits.ts";
import { connectStallMs, lossStallMs } from "./loss.ts";

/** One of the two ways that bytes go. */
export type Way = "to-node" | "from-node";

/** An impairment that is in force, with what all its connections share. */
export interface Active {
  impairment: Impairment;
  buckets: Record<Way, Bucket> | undefined;
}

/** All that is done to one way of one connection; where nothing is, there is no plan. */
export interface Plan {
  /** Nothing passes. */
  drop: boolean;
  /** When a piece that could go at `dueUs` goes, µs. In order: the line first, then the distance, then what is lost on it. */
  dueUs(bytes: number, dueUs: number): number;
  /** How long the opening of a connection takes longer, ms. */
  openMs(): number;
  /** Largest piece that is timed as one. */
  pieceBytes: number;
  /** Cuts `ratio` of the messages after so many bytes; half-way through their first piece where there is no number. */
  cut: { afterBytes: number | undefined; ratio: number } | undefined;
  spoil: WrongHits | undefined;
}

export function activate(impairment: Impairment): Active {
  const { kind, bytesPerSec } = impairment;
  if (kind !== "bandwidth" || bytesPerSec === undefined) return { impairment, buckets: undefined };
  return { impairment, buckets: { "to-node": { bytesPerSec, freeAtUs: 0 }, "from-node": { bytesPerSec, freeAtUs: 0 } } };
}

/** @returns what holds for that way of a connection from that client; undefined: nothing does */
export function planFor(active: readonly Active[], way: Way, clientAddress: string, rng: Rng): Plan | undefined {
  const mine = active.filter(({ impairment: { direction, from } }) => {
    return (direction === "both" || direction === way) && (from === undefined || from === clientAddress);
  });
  if (mine.length === 0) return undefined;
  const buckets = mine.flatMap(({ buckets }) => (buckets ? [buckets[way]] : []));
  const delays = ofKind(mine, "latency").map(delayOf);
  const losses = ofKind(mine, "loss").map(({ lossRatio = 0 }) => lossRatio);
  const [reset] = ofKind(mine, "reset");
  const [wrong] = ofKind(mine, "wrong-answers");
  return {
    drop: ofKind(mine, "partition").length > 0,
    dueUs: (bytes, dueUs) => {
      let at = dueUs;
      for (const bucket of buckets) at = reserve(bucket, bytes, at);
      for (const delay of delays) at += sampleDelayMs(delay, rng) * 1000;
      for (const ratio of losses) at += lossStallMs(ratio, rng) * 1000;
      return at;
    },
    openMs: () => losses.reduce((sum, ratio) => sum + connectStallMs(ratio, rng), 0),
    pieceBytes: Math.min(Number.POSITIVE_INFINITY, ...buckets.map(({ bytesPerSec }) => pieceBytes(bytesPerSec))),
    cut: reset && { afterBytes: reset.afterBytes, ratio: reset.ratio ?? 1 },
    spoil: wrong && { dropRatio: wrong.dropRatio ?? 0, wrongIdRatio: wrong.wrongIdRatio ?? 0 },
  };
}

function ofKind(active: readonly Active[], kind: Impairment["kind"]): Impairment[] {
  return active.flatMap(({ impairment }) => (impairment.kind === kind ? [impairment] : []));
}

function delayOf({ delayMs = 0, jitterMs = 0, distribution = "uniform" }: Impairment): DelaySpec {
  return { delayMs, jitterMs, distribution };
}
