import { checkConfig } from "../../src/config/inspect.ts";
import { configCheckResultSchema } from "../../src/config/result.ts";
import { configCheckReport } from "../../src/report/config.ts";
import { defineCommand } from "../define.ts";

export default defineCommand({
  details: "Says every problem at once, each with file, line, path and what was expected. Speaks to no server.",
  flags: {},
  examples: [
    ["ragctl config check", "the config that is found from here upwards"],
    ["ragctl config check --config prod.yaml --json", "problems under error.details, for CI"],
  ],
  resultSchema: configCheckResultSchema,
  run: async (_input, { runtime, globals }) => ({ result: await checkConfig(runtime, globals) }),
  human: configCheckReport,
});
