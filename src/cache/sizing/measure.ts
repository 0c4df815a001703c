import { AutoModel } from "./auto-model.ts";
import { measured, uniform, type Composition } from "./composition.ts";
import type { ReferenceSink } from "./contract.ts";
import { exactEstimator, recordingEstimator, shardsEstimator, type Design, type Estimator } from "./estimate.ts";
import { Recorder, type Recording } from "./recording.ts";
import { ShardsModel } from "./shards.ts";
import { ExactModel, type StackModel } from "./stack-model.ts";

/** So many references are taken exactly: about a second of work. */
const exactReferences = 2_000_000;
/** So many are replayed at most, where nothing else is said: each size of a simulated policy costs a pass over them. */
const replayedReferences = 1_000_000;
/** Keys of a sample of fixed size: Waldspurger et al. found 8,192 to be off by 0.007 on average. */
const sampledKeys = 32_768;

export interface MeasureOptions {
  design: Design;
  method: "exact" | "shards" | "auto";
  /** Share of the keys to sample; undefined: as many keys as are enough. */
  rate: number | undefined;
  /** Sizes of entries differ. */
  weighted: boolean;
  /** Of every entry where they do not. */
  entryBytes: number;
}

/** What was learnt from a trace. */
export interface Measured {
  references: number;
  distinct: number;
  totalBytes: number;
  /** Share of the keys that were looked at; 1: the figures are exact. */
  rate: number;
  sampledKeys: number;
  sampledReferences: number;
  estimate: Estimator;
  /** An estimate takes a pass over the recorded references. */
  costly: boolean;
  composition: Composition;
}

/** The sink that a design and a method take, and what it says when all references are in. */
export function measurement(options: MeasureOptions): { sink: ReferenceSink; end: () => Measured } {
  const { design, method, rate, weighted } = options;
  if (design.eviction !== "lru" || design.ttlUs !== Infinity || design.near) return recorded(options);
  if (method === "exact") {
    const sink = new ExactModel(options);
    return { sink, end: () => ofExact(sink, options) };
  }
  if (method === "shards" || rate !== undefined) {
    const sink = new ShardsModel({ rate: rate ?? 1, weighted, ...(rate === undefined && { keys: sampledKeys }) });
    return { sink, end: () => ofShards(sink, options) };
  }
  const sink = new AutoModel({ exactReferences, keys: sampledKeys, weighted });
  return { sink, end: () => (sink.exact ? ofExact(sink.exact, options) : ofShards(sink.shards, options)) };
}

function ofExact(sink: ExactModel, options: MeasureOptions): Measured {
  const { model, references } = sink;
  return {
    references,
    ...factsOf(model, options),
    sampledReferences: references,
    estimate: exactEstimator(model, references),
    costly: false,
  };
}

function ofShards(sink: ShardsModel, options: MeasureOptions): Measured {
  return {
    references: sink.references,
    ...factsOf(sink.whole, options),
    sampledReferences: sink.sampledReferences,
    estimate: shardsEstimator(sink),
    costly: false,
  };
}

function factsOf({ keys, rate, stack }: StackModel, { weighted, entryBytes }: MeasureOptions) {
  const sizes = [...(weighted ? stack.fromTop() : [])].map((slot) => stack.bytesOfSlot(slot));
  return { ...sizesOf(keys.size, rate, weighted ? sizes : entryBytes), rate, sampledKeys: keys.size };
}

function sizesOf(keys: number, rate: number, sizes: readonly number[] | number) {
  const distinct = Math.round(keys / rate);
  if (typeof sizes === "number") return { distinct, totalBytes: distinct * sizes, composition: uniform(sizes) };
  const totalBytes = sizes.reduce((sum, bytes) => sum + bytes, 0) / rate;
  return { distinct, totalBytes, composition: measured(sizes, rate) };
}

function recorded({ design, method, rate, weighted, entryBytes }: MeasureOptions): { sink: ReferenceSink; end: () => Measured } {
  const most = method === "exact" || rate !== undefined ? Infinity : replayedReferences;
  const sink = new Recorder({ rate: method === "exact" ? 1 : (rate ?? 1), most });
  const end = () => {
    const recording = sink.recording();
    const sizes = lastSizes(recording);
    return {
      references: sink.references,
      ...sizesOf(sizes.length, recording.rate, weighted ? sizes : entryBytes),
      rate: recording.rate,
      sampledKeys: sizes.length,
      sampledReferences: recording.length,
      estimate: recordingEstimator(recording, sink.references, design),
      costly: design.eviction !== "lru" || design.ttlUs !== Infinity,
    };
  };
  return { sink, end };
}

/** The size of each key at its last reference, the last one first. */
function lastSizes({ length, slots, bytes, slotCount }: Recording): number[] {
  const seen = new Uint8Array(slotCount);
  const sizes: number[] = [];
  for (let at = length - 1; at >= 0; at--) {
    const slot = slots[at]!;
    if (seen[slot] === 1) continue;
    seen[slot] = 1;
    sizes.push(bytes[at]!);
  }
  return sizes;
}
