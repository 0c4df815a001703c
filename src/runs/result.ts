import { z } from "zod";

const summary = z.object({
  id: z.string(),
  command: z.string(),
  cluster: z.string().optional(),
  startedAt: z.number().describe("milliseconds since the epoch"),
  endedAt: z.number().optional(),
  pid: z.number(),
  processStart: z.string().optional(),
  verdict: z.string().optional(),
  state: z.enum(["running", "done", "failed", "interrupted", "dead"]).describe("dead: its process is gone and it never ended"),
  exitCode: z.number().optional(),
  resume: z.string().optional().describe("a command line that goes on where it stopped"),
});

const event = z.object({
  at: z.number().describe("milliseconds since the epoch"),
  kind: z.string(),
  name: z.string(),
  phase: z.enum(["start", "end"]),
  detail: z.unknown().optional(),
});

/** What `ragctl runs` says. `run` stands there when one was asked for. */
export const runsResultSchema = z.object({
  dir: z.string().describe("where runs are kept"),
  asOf: z.number().describe("milliseconds since the epoch"),
  total: z.number().int(),
  runs: z.array(summary).describe("newest first"),
  pruned: z.array(z.string()).describe("ids that --prune-older-than removed"),
  run: z.object({ ...summary.shape, dir: z.string(), events: z.array(event), result: z.unknown() }).optional(),
});

export type RunsResult = z.output<typeof runsResultSchema>;
