import { z } from "zod";

const count = z.number().int().min(0);

/** What the write checker found, for people to look up. */
const example = z.object({
  kind: z.enum(["lost", "doubled", "stale"]),
  collection: z.string(),
  key: z.string(),
  finding: z
    .enum(["missing", "older", "undeleted", "under two ids", "counted twice"])
    .describe("undeleted: it is there although its deletion was acknowledged"),
  nodes: z.array(z.string()).describe("of a lost or doubled key: the serving nodes on which it was found so"),
  expectedVersion: z.number().nullable(),
  foundVersion: z.number().nullable(),
  how: z.enum(["fetch", "search"]).optional().describe("of a stale read"),
  afterMs: z.number().optional().describe("of a stale read: from the acknowledgement until it began"),
});
export type WriteExample = z.output<typeof example>;

/** Acknowledged writes held against what every replica has, and against what reads returned. */
export const checkedWritesSchema = z.object({
  acknowledged: count.describe("changes of a key (upserts, deletes) that were acknowledged"),
  unknown: count.describe("changes that failed or were not answered: they may be there or not, and are never counted as lost"),
  keys: count.describe("that were changed"),
  lost: count.describe("keys whose last acknowledged change is missing, or older there, on some replica that serves them"),
  lostEverywhere: count.describe("of them: on every replica"),
  doubled: count.describe("keys that are there under two ids, or counted twice"),
  stale: count.describe("reads that began after an acknowledgement had ended, and returned what was before it"),
  staleWithinLease: count.describe(
    "of them: within a client's lease (5 s) of it, which a routed cluster does not promise against",
  ),
  reads: count.describe("reads of a written key that were held against it"),
  copies: count.describe("replicas of a key that were looked at"),
  unaudited: count.describe("replicas that could not be looked at, because their node did not answer"),
  notServing: z.array(z.string()).describe("nodes that own keys and did not serve at the time of the audit: not looked at"),
  examples: z.array(example).describe("twenty at most"),
});
export type CheckedWrites = z.output<typeof checkedWritesSchema>;
