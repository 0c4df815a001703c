import { z } from "zod";

/** What `ragctl down` answers. */
export const downSchema = z.object({
  /** The directory that holds `.ragctl`; null where there is no cluster here or above. */
  dir: z.string().nullable(),
  /** Processes that ran and were stopped, the supervisor not counted. */
  stopped: z.number(),
  deleted: z.boolean(),
});
export type DownResult = z.output<typeof downSchema>;
