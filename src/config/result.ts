import { z } from "zod";

const problem = z.object({
  file: z.string().optional(),
  line: z.number().int().optional(),
  path: z.string().optional(),
  message: z.string(),
});

/** What `ragctl config check` says of a config without problems; problems stand under `error.details`. */
export const configCheckResultSchema = z.object({
  file: z.string(),
  source: z.enum(["config", "local"]),
  default: z.string().nullable().describe("the cluster that commands use unless told otherwise"),
  clusters: z.array(
    z.object({
      name: z.string(),
      topology: z.enum(["native", "routed"]),
      driver: z.string(),
      nodes: z.array(z.string()),
      protected: z.boolean(),
      consistency: z
        .object({ n: z.number(), w: z.number(), r: z.number(), overlaps: z.boolean(), sentence: z.string() })
        .nullable()
        .describe("routed only: copies, acknowledgements, owners a read asks"),
    }),
  ),
  warnings: z.array(problem),
});
export type ConfigCheckResult = z.output<typeof configCheckResultSchema>;

/** What `ragctl config show` says: the config as it could be written, with defaults filled in and secrets as `***`. */
export const configShowResultSchema = z.object({
  file: z.string(),
  source: z.enum(["config", "local"]),
  config: z.looseObject({ clusters: z.record(z.string(), z.looseObject({})), default: z.string().optional() }),
});
export type ConfigShowResult = z.output<typeof configShowResultSchema>;

/** What `ragctl config schema --json` says: the JSON Schema of a config file. */
export const configSchemaResultSchema = z.looseObject({ $schema: z.string(), type: z.literal("object") });
export type ConfigSchemaResult = z.output<typeof configSchemaResultSchema>;

/** What `ragctl init` wrote, and what it found on the way. */
export const initResultSchema = z.object({
  file: z.string(),
  overwritten: z.boolean(),
  found: z.array(
    z.object({
      what: z.enum(["qdrant", "redis", "local"]),
      where: z.string(),
      detail: z.string(),
    }),
  ),
});
export type InitResult = z.output<typeof initResultSchema>;
