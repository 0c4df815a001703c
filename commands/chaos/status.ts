import { healLeftovers } from "../../src/faults/leftovers.ts";
import { faultStatus } from "../../src/faults/recover.ts";
import { faultStatusSchema } from "../../src/faults/result.ts";
import { faultStatusReport } from "../../src/report/chaos.ts";
import { defineCommand } from "../define.ts";

export default defineCommand({
  details:
    "Every fault in this machine's journal, whoever injected it, with what a probe says of it now. Like every command, it first heals what a ragctl that is dead has left.",
  flags: {},
  examples: [["ragctl chaos status", "what is broken on purpose"]],
  resultSchema: faultStatusSchema,
  async run(_input, { runtime, warn }) {
    await healLeftovers(runtime, warn);
    const result = await faultStatus(runtime);
    return { result, next: result.active.length > 0 ? ["ragctl chaos heal --all"] : [] };
  },
  human: faultStatusReport,
});
