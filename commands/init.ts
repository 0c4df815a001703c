import { initConfig } from "../src/config/init.ts";
import { initResultSchema } from "../src/config/result.ts";
import { initReport } from "../src/report/config.ts";
import { defineCommand } from "./define.ts";
import { flag } from "./flags.ts";

export default defineCommand({
  details: "Asks the usual ports of loopback (Qdrant 6333, Redis 6379) and looks for a cluster that ragctl up started.",
  flags: { force: flag.boolean({ description: "overwrite a config that is there" }) },
  examples: [
    ["ragctl init", "writes ragctl.config.yaml here"],
    ["ragctl init --config staging.yaml", "writes another file"],
  ],
  resultSchema: initResultSchema,
  run: async ({ flags }, { runtime, globals }) => ({
    result: await initConfig(runtime, { file: globals.config, force: flags.force }),
    next: [`ragctl config check${globals.config === undefined ? "" : ` --config ${globals.config}`}`],
  }),
  human: initReport,
});
