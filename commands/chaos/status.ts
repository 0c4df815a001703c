import { faultStatus } from "../../src/faults/recover.ts";
import { faultStatusSchema } from "../../src/faults/result.ts";
import { faultStatusReport } from "../../src/report/chaos.ts";
import { defineCommand } from "../define.ts";

export default defineCommand({
  details: "Every fault on this machine's journal, whoever injected it, with what a probe says of it now.",
  flags: {},
  examples: [["ragctl chaos status", "what is broken on purpose"]],
  resultSchema: faultStatusSchema,
  async run(_input, { runtime }) {
    const result = await faultStatus(runtime);
    return { result, next: result.active.length > 0 ? ["ragctl chaos heal --all"] : [] };
  },
  human: faultStatusReport,
});
