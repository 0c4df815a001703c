import { z } from "zod";
import { stoppedBySchema } from "./guard/result.ts";

/** Times are milliseconds since the epoch. */
const target = z.object({ node: z.string(), kind: z.string(), pid: z.number().optional() });
const probe = z.enum(["active", "gone", "unknown"]);

/** What `ragctl chaos <fault>` answers. */
export const faultResultSchema = z.object({
  id: z.string(),
  fault: z.string(),
  cluster: z.string(),
  targets: z.array(target),
  /** The fault's own, as numbers: milliseconds, bytes, fractions. */
  options: z.record(z.string(), z.unknown()),
  injectedAt: z.number(),
  /** When a probe said that it is gone; null while it lasts. */
  healedAt: z.number().nullable(),
  healed: z.boolean(),
  /** Of all targets, the worst. */
  probe,
  /** From the first attempt to heal to the proof, ms. */
  healMs: z.number().nullable(),
  /** Why it ended before its time; null where it did not. */
  stoppedBy: stoppedBySchema.nullable(),
  /** The cluster after the fault, ms from the injection; null where it was not waited for (a cache fault, one that lasts). */
  recovery: z
    .object({
      /** Every node answers again; null where one had not, when the wait ended. */
      backMs: z.number().nullable(),
      /** Nodes that a routing table said were stale: they had missed acknowledged writes. */
      stale: z.array(z.string()),
      /** Every node serves in every table again; null where one did not, when the wait ended. */
      servingMs: z.number().nullable(),
    })
    .nullable(),
});
export type FaultResult = z.output<typeof faultResultSchema>;

const activeFault = z.object({
  id: z.string(),
  fault: z.string(),
  cluster: z.string(),
  target: z.string(),
  since: z.number(),
  /** Null: it lasts until it is healed by hand. */
  leaseEndsAt: z.number().nullable(),
  owner: z.object({ pid: z.number(), alive: z.boolean() }),
  probe,
});

/** What `ragctl chaos status` answers. */
export const faultStatusSchema = z.object({
  active: z.array(activeFault),
  /** Files of the journal that cannot be read as records. */
  broken: z.array(z.object({ path: z.string(), problem: z.string() })),
});
export type FaultStatus = z.output<typeof faultStatusSchema>;

const healed = z.object({ id: z.string(), fault: z.string(), target: z.string(), probe, problem: z.string().optional() });

/** What `ragctl chaos heal` answers. */
export const healResultSchema = z.object({ healed: z.array(healed), failed: z.array(healed) });
export type HealResult = z.output<typeof healResultSchema>;

const possibleFault = z.object({
  fault: z.string(),
  possible: z.boolean(),
  /** The kind of target that it would use. */
  by: z.string().nullable(),
  /** Where it is not possible: why not, by the kinds of target that it could use. */
  why: z.array(z.object({ kind: z.string(), reason: z.string() })),
});
export type PossibleFault = z.output<typeof possibleFault>;

/** What `ragctl chaos targets` answers. */
export const targetsResultSchema = z.object({
  cluster: z.string(),
  targets: z.array(
    z.object({ id: z.string(), role: z.enum(["node", "cache"]), zone: z.string().nullable(), faults: z.array(possibleFault) }),
  ),
});
export type TargetsResult = z.output<typeof targetsResultSchema>;
