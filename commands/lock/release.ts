import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { lockSchema } from "../../src/migration/result.ts";
import { lockReport } from "../../src/report/shard-repair.ts";
import { confirmProtected } from "../confirm.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";

export default defineCommand({
  details: "Rarely needed: a dead holder of this machine is seen to be dead, and any other loses its lock when its lease ends.",
  positionals: [{ name: "name", description: "as lock show has it", required: true }],
  flags: {
    force: flag.boolean({ description: "although its holder may be at work" }),
    confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
  },
  examples: [["ragctl lock release cluster", "of a holder that is dead"]],
  resultSchema: lockSchema,
  async run({ positionals: [name = ""], flags }, context) {
    const { runtime, globals, note } = context;
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    if (cluster.protected) await confirmProtected(context, cluster, `taking the lock ${name} away`, flags.confirm);
    const [{ openClusterState }, { releaseLock }] = await Promise.all([
      import("../../src/cluster/index.ts"),
      import("../../src/migration/locks.ts"),
    ]);
    const state = await openClusterState(cluster, runtime);
    try {
      return { result: await releaseLock(state, cluster.name, name, flags.force) };
    } finally {
      await state.close();
    }
  },
  human: lockReport,
});
