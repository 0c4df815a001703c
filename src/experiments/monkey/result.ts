import { z } from "zod";
import { stoppedBySchema } from "../../faults/guard/result.ts";

/** One turn of the monkey. Times are milliseconds since the epoch. */
const act = z.object({
  at: z.number(),
  fault: z.string(),
  /** Ids of nodes, or of the cache; none where there was nothing to choose from. */
  targets: z.array(z.string()),
  forMs: z.number(),
  /** would: leashed, and nothing stands against it. done: injected, healed and proven gone. refused: by a guard. impossible: nobody there to touch, or no way to. */
  outcome: z.enum(["would", "done", "stopped", "refused", "impossible", "unhealed", "interrupted"]),
  reason: z.string().nullable(),
  /** Of the fault, where it was injected. */
  id: z.string().nullable(),
  healedAt: z.number().nullable(),
});
export type MonkeyAct = z.output<typeof act>;

/** What `ragctl chaos monkey` answers. */
export const monkeyResultSchema = z.object({
  cluster: z.string(),
  profile: z.string(),
  seed: z.number(),
  timeZone: z.string(),
  /** True: it only said what it would do. */
  leashed: z.boolean(),
  from: z.number(),
  /** Until when it went; of a leashed one, how far it looked. */
  to: z.number(),
  acts: z.array(act),
  counts: z.record(z.string(), z.number()).describe("acts by outcome"),
  stoppedBy: stoppedBySchema.nullable(),
});
export type MonkeyResult = z.output<typeof monkeyResultSchema>;
