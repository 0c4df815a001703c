import { z } from "zod";
import { durationMs } from "../../config/schema.ts";
import type { Fault, HealRecord, Json } from "../contract.ts";
import { latency } from "../latency.ts";
import { endPauses, longestPauseMs, pauseOnce, probePauses, shortestPauseMs } from "./pause.ts";

const options = z.strictObject({
  delay: durationMs.describe("added to each answer, for example 50ms"),
  jitter: durationMs.prefault("0ms").describe("at most so much more or less"),
  how: z
    .enum(["latency", "pause"])
    .optional()
    .describe(
      "latency: by what stands before it; pause: it stalls so long in every second; latency where it can be, unless given",
    ),
});

interface Undo {
  [key: string]: Json;
  how: "latency" | "pause";
  delayMs: number;
  /** Of the latency. */
  undo: Json;
}

const latencyOptions = ({ delay, jitter }: z.output<typeof options>) =>
  latency.options.parse({ delay: `${delay}ms`, jitter: `${jitter}ms` });

/** The cache answers late: worse than none, for whoever waits for it. */
export const cacheSlow: Fault<z.output<typeof options>> = {
  name: "cache-slow",
  details:
    "A cache that is slower than what it stands in front of. Through its proxy each answer comes later; where there is none, the server itself stalls for so long in every second (CLIENT PAUSE, which ends by itself).",
  examples: [["ragctl chaos cache-slow --delay 50ms --for 30s", "each lookup takes 50 ms longer"]],
  targets: ["proxy", "toxiproxy", "ssh", "service"],
  scope: "cache",
  options,
  reversible: true,
  healTimeoutMs: 15_000,

  variants: ({ how, ...given }) =>
    (how ? [how] : (["latency", "pause"] as const)).map((each) => ({
      options: { ...given, how: each },
      targets: each === "pause" ? (["service"] as const) : latency.targets,
    })),

  possible(target, given) {
    if (given.how !== "pause") return latency.possible?.(target, latencyOptions(given)) ?? true;
    if (given.jitter > 0) return "a pause has no jitter: that takes a proxy";
    if (given.delay > longestPauseMs || given.delay < shortestPauseMs)
      return `it can stall for ${shortestPauseMs} to ${longestPauseMs} ms of each second; anything else takes a proxy`;
    return true;
  },

  async prepare(target, given, deps) {
    const { how = "latency", delay: delayMs } = given;
    const undo = how === "pause" ? null : await latency.prepare(target, latencyOptions(given), deps);
    return { how, delayMs, undo } satisfies Undo;
  },

  async inject(record, deps) {
    const undo = undoOf(record);
    if (undo.how === "latency") return await latency.inject(inner(record, undo.undo), deps);
    await pauseOnce(record, undo.delayMs, deps);
  },

  async renew(record, deps) {
    const undo = undoOf(record);
    if (undo.how === "latency") return await latency.renew?.(inner(record, undo.undo), deps);
    await pauseOnce(record, undo.delayMs, deps);
  },

  async heal(record, deps) {
    const undo = undoOf(record);
    if (undo.how === "latency") return await latency.heal(inner(record, undo.undo), deps);
    endPauses(record);
    // The last pause is waited out: then there is none any more, whoever asked for it.
    await deps.clock.sleep(undo.delayMs, deps.signal);
  },

  async probe(record, deps) {
    const undo = undoOf(record);
    if (undo.how === "latency") return await latency.probe(inner(record, undo.undo), deps);
    if (record.target.kind !== "service") return "unknown";
    return await probePauses(record.target.url, undo.delayMs, deps);
  },
};

function undoOf({ undo }: HealRecord): Undo {
  return undo as Undo;
}

function inner(record: HealRecord, undo: Json): HealRecord {
  return { ...record, undo };
}
