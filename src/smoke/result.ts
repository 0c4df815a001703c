import { z } from "zod";

/** One check of `ragctl smoke`. */
const smokeCheckSchema = z.object({
  name: z.string(),
  ok: z.boolean(),
  detail: z
    .string()
    .describe("what was seen, or what is wrong; begins with `skipped:` where an earlier failure left nothing to check"),
  outcome: z.enum(["ok", "failed", "unreachable", "inconclusive", "skipped"]),
  hint: z.string().optional(),
  durationMs: z.number().min(0),
});

/** The published result of `ragctl smoke`. */
export const smokeResultSchema = z.object({
  cluster: z.string(),
  verdict: z.enum(["pass", "fail", "inconclusive"]),
  checks: z.array(smokeCheckSchema),
  /** The one collection that it writes to, made for this run and dropped at its end. */
  canaryCollection: z.string(),
  elapsedMs: z.number().min(0),
});

export type SmokeCheck = z.output<typeof smokeCheckSchema>;
export type SmokeResult = z.output<typeof smokeResultSchema>;
