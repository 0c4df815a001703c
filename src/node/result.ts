import { z } from "zod";

/** The result of `ragctl node`, printed as soon as it answers, not when it ends. */
export const nodeResultSchema = z.object({
  url: z.string().describe("where it answers; with --port 0 the one place that says so"),
  host: z.string(),
  port: z.number().int().min(1).max(65_535),
  pid: z.number().int(),
  dir: z.string().describe("data directory, absolute"),
});
