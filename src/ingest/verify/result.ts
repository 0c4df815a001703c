import { z } from "zod";

const count = z.number().int().min(0);

/** What can be wrong, worst first. */
export const differenceKinds = ["missing-document", "missing-chunk", "changed", "replicas", "vector", "extra"] as const;
export type DifferenceKind = (typeof differenceKinds)[number];

/** The published result of `ragctl ingest verify`. */
export const ingestVerifyResultSchema = z.object({
  cluster: z.string(),
  collection: z.string(),
  verdict: z.enum(["same", "different"]),
  documents: z
    .object({ read: count, same: count, different: count, skipped: count, unreadable: count })
    .describe("of the input; skipped: without text; unreadable: what ingest would write to the dead letters"),
  chunks: z.object({ expected: count, stored: count }).describe("of the input, and points in the collection"),
  vectors: z.object({ sampled: count, different: count }).describe("stored vectors against the input's own, or embedded anew"),
  extraIgnored: z.boolean(),
  differences: z
    .array(
      z.object({
        kind: z.enum(differenceKinds),
        count,
        first: z.object({
          document: z.string().nullable(),
          source: z.string().nullable(),
          line: count.optional(),
          key: z.string(),
          detail: z.string(),
        }),
      }),
    )
    .describe("each kind that there is, with the first one met"),
  elapsedMs: z.number(),
});

export type IngestVerifyResult = z.output<typeof ingestVerifyResultSchema>;
