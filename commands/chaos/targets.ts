import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { possibleFaults } from "../../src/faults/possible.ts";
import { targetsResultSchema } from "../../src/faults/result.ts";
import { targetsReport } from "../../src/report/chaos-targets.ts";
import { defineCommand } from "../define.ts";

export default defineCommand({
  details:
    "Each node, and the cache, is reached as a process, through a proxy, by ssh, or not at all; each fault needs one of some of these. Nothing is touched.",
  flags: {},
  examples: [["ragctl chaos targets", "what can be broken here, and what is missing for the rest"]],
  resultSchema: targetsResultSchema,
  async run(_input, { runtime, globals, note }) {
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    return { result: await possibleFaults(cluster) };
  },
  human: targetsReport,
});
