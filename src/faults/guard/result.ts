import { z } from "zod";
import { formatPercent, plural } from "../../units.ts";

/** Part of a collection, named as its topology names parts. */
const part = z.object({
  /** Of the hash space (routed), or of the shards (native), [0, 1]. */
  share: z.number(),
  shards: z.array(z.number()).optional().describe("native: ids of shards"),
  cells: z.array(z.number()).optional().describe("semantic tables: cells"),
  ranges: z
    .array(z.tuple([z.number(), z.number()]))
    .optional()
    .describe("half-open ranges of _ragctl_h, the widest ones; rangeCount says how many there are"),
  rangeCount: z.number().optional(),
});
export type Part = z.output<typeof part>;

const collection = z.object({
  collection: z.string(),
  /** Serving owners of each point that a read needs. */
  needed: z.number(),
  /** What would have fewer serving owners than now. */
  affected: part,
  /** What would have fewer than a read needs. */
  unserved: part,
  /** Nodes among those taken without which something is unserved. */
  lastOwners: z.array(z.string()),
  /** Share of the reads that each node takes, now and then. */
  reads: z.array(z.object({ node: z.string(), before: z.number(), after: z.number() })),
  queries: z.object({
    /** Share of searches that ask one of the nodes until they are routed around: they wait, are hedged, or tried again elsewhere. */
    asking: z.number(),
    /** Share of searches that could not be answered whole however long they are tried. */
    failing: z.number(),
  }),
});
export type CollectionRadius = z.output<typeof collection>;

const refusal = z.object({
  code: z.enum(["last-replica", "consensus-lost", "max-blast", "cluster-degraded"]),
  message: z.string(),
  hint: z.string().optional(),
});
export type Refusal = z.output<typeof refusal>;

/** What a fault would do, before it does it: `--dry-run` prints it. */
export const blastRadiusSchema = z.object({
  fault: z.string(),
  cluster: z.string(),
  topology: z.enum(["native", "routed"]),
  /** The nodes it acts on; none for a fault of the cache. */
  nodes: z.array(z.string()),
  /** silences: they stop serving. weakens: they serve, worse. cache: no node is touched. */
  impact: z.enum(["silences", "weakens", "cache"]),
  /** Nodes of the cluster that faults would act on, those of faults that last already included. */
  touched: z.object({ nodes: z.number(), of: z.number(), allowed: z.number() }),
  /** Nodes that do not serve already, whatever this fault does. */
  down: z.array(z.string()),
  collections: z.array(collection),
  consensus: z.object({ peers: z.number(), left: z.number(), needed: z.number() }).optional().describe("native: voting peers"),
  /** Why a guard refuses it; empty: nothing stands against it. */
  refusals: z.array(refusal),
});
export type BlastRadius = z.output<typeof blastRadiusSchema>;

/** Why a fault was healed, or an experiment ended, before its time. guard: another node failed meanwhile. */
export const stoppedBySchema = z.object({
  kind: z.enum(["guard", "objective", "command"]),
  reason: z.string(),
});
export type StoppedBy = z.output<typeof stoppedBySchema>;

const listed = 10;

/** `n1`, `n1 and n2`, `n1, n2 and n3`. */
export function namesOf(names: readonly (string | number)[]): string {
  const shown = names.length > listed + 1 ? [...names.slice(0, listed), `${names.length - listed} more`] : names;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/** `shards 1 and 4 of docs`; `cells 3 and 7 of docs (31.2 %)`; `31.2 % of docs (hashes 17 to 4,711, and 63 more ranges)`. */
export function describePart({ share, shards, cells, ranges = [], rangeCount = 0 }: Part, collection: string): string {
  if (shards) return `${shards.length === 1 ? "shard" : "shards"} ${namesOf(shards)} of ${collection}`;
  if (cells) return `${cells.length === 1 ? "cell" : "cells"} ${namesOf(cells)} of ${collection} (${formatPercent(share)})`;
  const [widest] = ranges.toSorted((a, b) => b[1] - b[0] - (a[1] - a[0]));
  if (!widest || share > 0.999999) return `${share > 0.999999 ? "all" : formatPercent(share)} of ${collection}`;
  const more = rangeCount > 1 ? `, and ${plural(rangeCount - 1, "more range")}` : "";
  return `${formatPercent(share)} of ${collection} (hashes ${widest[0]} to ${widest[1] - 1}${more})`;
}
