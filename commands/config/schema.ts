import { configJsonSchema } from "../../src/config/json-schema.ts";
import { configSchemaResultSchema, type ConfigSchemaResult } from "../../src/config/result.ts";
import { defineCommand } from "../define.ts";

export default defineCommand({
  details: "Prints the schema alone; with --json, in the envelope that every command prints.",
  flags: {},
  examples: [
    [
      "ragctl config schema > ragctl.schema.json",
      "then, first in ragctl.config.yaml: # yaml-language-server: $schema=ragctl.schema.json",
    ],
  ],
  resultSchema: configSchemaResultSchema,
  run: async () => ({ result: configJsonSchema() as ConfigSchemaResult }),
  human: (schema) => JSON.stringify(schema, null, 2),
});
