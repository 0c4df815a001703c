import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { lockSchema } from "../../src/migration/result.ts";
import { lockReport } from "../../src/report/shard-repair.ts";
import { defineCommand } from "../define.ts";

export default defineCommand({
  details:
    "The lock of the cluster is held by whoever moves points; a node's own by its repair. A lease keeps each: who dies loses it.",
  flags: {},
  examples: [["ragctl lock show", "who holds what, since when"]],
  resultSchema: lockSchema,
  async run(_input, { runtime, globals, note }) {
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    const [{ lookIntoState }, { listLocks }] = await Promise.all([
      import("../../src/planning/state.ts"),
      import("../../src/migration/locks.ts"),
    ]);
    const state = await lookIntoState(cluster, runtime);
    if (!state) return { result: { cluster: cluster.name, store: "no state yet", locks: [], released: [] } };
    try {
      return { result: await listLocks(state, cluster.name) };
    } finally {
      await state.close();
    }
  },
  human: lockReport,
});
