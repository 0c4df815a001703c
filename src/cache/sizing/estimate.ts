import type { StackModel } from "./stack-model.ts";
import { groupOf, groups, standardError, type ShardsModel } from "./shards.ts";
import { partOf, type Recording } from "./recording.ts";
import { behind, simulateHits, stackOf, type NearTier } from "./simulated-model.ts";
import type { Eviction } from "./simulate/index.ts";

export type Axis = "entries" | "bytes";

/** What a cache of one size would do, as shares of all references. */
interface Estimate {
  missRatio: number;
  /** One standard error of it; zero where every key was looked at. */
  error: number;
  /** Answered by the tier before the sized one. */
  nearHitRatio: number;
}

export type Estimator = (axis: Axis, size: number) => Estimate;

/** An LRU cache, from stack distances: every size costs a look-up. */
export function exactEstimator(model: StackModel, references: number): Estimator {
  return (axis, size) => ({ missRatio: missRatio(model, axis, size, references), error: 0, nearHitRatio: 0 });
}

/** The same from a sample, and its error from how much the sample's parts differ. */
export function shardsEstimator(model: ShardsModel): Estimator {
  const { whole, parts, references } = model;
  return (axis, size) => ({
    missRatio: missRatio(whole, axis, size, references),
    error: whole.rate === 1 ? 0 : standardError(parts.map((part) => missRatio(part, axis, size, references))),
    nearHitRatio: 0,
  });
}

/** SHARDS_adj: the references that the sample has too few or too many of are ones to hot keys, which any size answers. */
function missRatio(model: StackModel, axis: Axis, size: number, references: number): number {
  const expected = references * model.rate;
  if (size < 1 || expected === 0) return 1;
  return within((model.sampled() - model.hits(axis, size)) / expected);
}

/** What a recording is replayed against. */
export interface Design {
  eviction: Eviction;
  /** Infinity: entries stay until they are evicted. */
  ttlUs: number;
  near: NearTier | undefined;
}

/** Any policy, and a tier behind another, by replaying a recording. Where it takes a simulation, each size costs a pass over the recording. */
export function recordingEstimator(recording: Recording, references: number, design: Design): Estimator {
  const whole = replayed(recording, references, design);
  if (recording.rate === 1) return (axis, size) => ({ ...whole(axis, size), error: 0 });
  const parts = Array.from({ length: groups }, (_, group) =>
    replayed(
      partOf(recording, 1 / groups, (slot) => groupOf(recording.high[slot]!) === group),
      references,
      design,
    ),
  );
  return (axis, size) => ({
    ...whole(axis, size),
    error: standardError(parts.map((part) => part(axis, size).missRatio)),
  });
}

function replayed(recording: Recording, references: number, { eviction, ttlUs, near }: Design): Estimator {
  const expected = references * recording.rate;
  const { recording: reaching, nearHits } = near ? behind(near, recording) : { recording, nearHits: 0 };
  // As SHARDS_adj: what is missing or too much is of hot keys, which the first tier there is answers.
  const adjustment = expected - recording.length;
  const distances = eviction === "lru" && ttlUs === Infinity ? new Map<boolean, StackModel>() : undefined;
  const farHits = (axis: Axis, size: number) => {
    if (size < 1) return 0;
    if (!distances) return simulateHits(reaching, { eviction, axis, size, ttlUs });
    const weighted = axis === "bytes";
    const model = distances.get(weighted) ?? stackOf(reaching, weighted);
    distances.set(weighted, model);
    return model.hits(axis, size);
  };
  return (axis, size) => {
    const far = farHits(axis, size);
    if (expected === 0) return { missRatio: 1, error: 0, nearHitRatio: 0 };
    const adjusted = near || size >= 1 ? adjustment : 0;
    return {
      missRatio: within((expected - adjusted - nearHits - far) / expected),
      error: 0,
      nearHitRatio: near ? within((nearHits + adjustment) / expected) : 0,
    };
  };
}

function within(share: number): number {
  return Math.min(1, Math.max(0, share));
}
