import { z } from "zod";

const outcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("pass") }),
  z.object({ kind: z.literal("fail"), broke: z.array(z.string()).describe("objectives that broke, the worst first") }),
  z.object({ kind: z.literal("inconclusive"), reason: z.string() }),
]);

const us = z.number().nullable();

/** One candidate rate, held for a while. */
const probeSchema = z.object({
  ratePerSec: z.number(),
  kind: z.enum(["bracket", "bisect", "confirm"]),
  outcome,
  completedPerSec: z.number(),
  errors: z.number().describe("share of the scheduled operations that were not ok"),
  responseP50Us: us,
  responseP99Us: us,
  serviceP99Us: us,
  scheduleLagP99Us: us,
  recall: z.number().nullable(),
});
export type CapacityProbe = z.output<typeof probeSchema>;

/** The published result of `ragctl load capacity`. */
export const capacityResultSchema = z.object({
  ratePerSec: z.number().nullable().describe("the highest rate that held; null: none did"),
  interval: z.object({
    lowPerSec: z.number().describe("no probe at or below failed"),
    highPerSec: z.number().nullable().describe("most or all probes from here on failed; null: nothing that was tried did"),
  }),
  firstBroken: z.string().nullable().describe("the objective that broke first, at the lowest rate that failed"),
  generatorBound: z.boolean().describe("the rate above is one that the generator could not make: the system may hold more"),
  generatorReason: z.string().nullable(),
  confirmed: z.boolean().describe("both ends were repeated until a majority agreed"),
  interrupted: z.boolean(),
  target: z.string(),
  slos: z.array(z.string()),
  colocated: z.boolean().nullable().describe("the generator shared the target's machine; null: no probe was run"),
  options: z.object({
    minPerSec: z.number(),
    maxPerSec: z.number().nullable(),
    holdMs: z.number(),
    warmupMs: z.number(),
    repeats: z.number(),
    resolution: z.number(),
  }),
  probes: z.array(probeSchema).describe("in the order they were made"),
});
export type CapacityResult = z.output<typeof capacityResultSchema>;
