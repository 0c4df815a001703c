import { z } from "zod";

/** What `ragctl down` answers. */
export const downSchema = z.object({
  /** The directory that holds `.ragctl`; null where there is no cluster here or above. */
  dir: z.string().nullable(),
  /** Nodes and caches that ran and were stopped; neither the supervisor nor the fault proxies are counted. */
  stopped: z.number(),
  deleted: z.boolean(),
});
export type DownResult = z.output<typeof downSchema>;
