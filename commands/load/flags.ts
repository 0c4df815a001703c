import { parseThreshold } from "../../src/load/thresholds.ts";
import { flag, type FlagSpec, type FlagValues } from "../flags.ts";
import { liveFlags, reportFlags } from "./outputs.ts";
import { targetFlags } from "./target.ts";

const thresholdFlag: FlagSpec<string[]> = {
  ...flag.repeated({
    description:
      "p99<100ms, errors<0.1%, recall@10>0.95, rate>99%, freshness:p95<2s, search.responseTime:p99<50ms; may be given again (default: the profile's, or the cluster's objectives)",
    placeholder: "expression",
  }),
  parse: (text) => [parseThreshold({ expression: text, source: "flag" }).expression],
};

/** The flags of `ragctl load`. */
export const loadFlags = {
  rps: flag.ratePerSec({
    description:
      "operations per second, due whatever became of earlier ones; with a profile: its highest rate, its scenarios in proportion",
  }),
  duration: flag.positiveDurationMs({
    description: "of the measured part; with a profile: all its times in proportion",
    default: 10_000,
  }),
  vus: flag.positive({ description: "users of a profile's closed scenarios, in proportion" }),
  warmup: flag.durationMs({ description: "before it, at the same rate, in no count", default: 2_000 }),
  workers: flag.positive({ description: "threads that send", default: 1 }),
  timeout: flag.positiveDurationMs({ description: "per operation", default: 5_000 }),
  maxInFlight: flag.positive({ description: "operations under way at most (default: 1000, or two seconds of the rate)" }),
  threshold: thresholdFlag,
  recall: flag.positive({
    description: "judge the answers to so many queries (200 of themselves where a threshold names recall)",
  }),
  ...targetFlags,
  events: flag.file({ description: "NDJSON of {at, kind, name, phase} that others append to: goes onto the timeline" }),
  keepWrites: flag.boolean({ description: "leave the points that a profile's upserts wrote" }),
  out: flag.file({ description: "write the result, with its histograms, here too" }),
  ...reportFlags,
  ...liveFlags,
};

export type LoadFlags = FlagValues<typeof loadFlags>;
