import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { usageError } from "../../src/errors.ts";
import { killNodeAct } from "../../src/faults/kill-node-act.ts";
import { healLeftovers } from "../../src/faults/leftovers.ts";
import { faultResultSchema } from "../../src/faults/result.ts";
import { faultReport } from "../../src/report/chaos.ts";
import { confirmProtected } from "../confirm.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";

export default defineCommand({
  details:
    "What a crash looks like. The heal record is on disk and a watchdog has it before the node dies: whatever becomes of ragctl, the node comes back. Without --restart-after it stays dead until ragctl chaos heal or ragctl up. Refused (exit 7) where a part of the data would have no serving owner.",
  positionals: [{ name: "node", description: "id of the node", required: true }],
  flags: {
    restartAfter: flag.durationMs({ description: "start it again after this long" }),
    for: flag.durationMs({ description: "the same, as other faults say it" }),
    confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
  },
  examples: [
    ["ragctl chaos kill-node n2 --restart-after 5s", "dead for five seconds"],
    ["ragctl chaos kill-node n2", "dead until it is healed"],
  ],
  resultSchema: faultResultSchema,
  async run({ positionals: [node = ""], flags, given }, context) {
    const { runtime, globals, note, warn } = context;
    if (given.has("restartAfter") && given.has("for") && flags.for !== flags.restartAfter)
      throw usageError([{ path: "--for", message: "says the same as --restart-after, and another time" }]);
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    if (cluster.protected) await confirmProtected(context, cluster, `killing ${node}`, flags.confirm);
    await healLeftovers(runtime, warn);
    const result = await killNodeAct({ cluster, node, forMs: flags.restartAfter ?? flags.for }, { runtime, note });
    return { result, next: result.healed ? ["ragctl status"] : [`ragctl chaos heal ${result.id}`] };
  },
  human: faultReport,
});
