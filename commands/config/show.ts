import { stringify } from "yaml";
import { showConfig } from "../../src/config/inspect.ts";
import { configShowResultSchema } from "../../src/config/result.ts";
import { defineCommand } from "../define.ts";

export default defineCommand({
  details: "Variables expanded, defaults filled in, secrets as ***. With --cluster, that cluster alone.",
  flags: {},
  examples: [["ragctl config show --cluster prod", "what ragctl makes of one cluster's entry"]],
  resultSchema: configShowResultSchema,
  run: async (_input, { runtime, globals }) => ({ result: await showConfig(runtime, globals) }),
  human: ({ file, config }) => `# resolved from ${file}, secrets redacted\n${stringify(config)}`,
});
