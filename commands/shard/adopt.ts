import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, RagctlError } from "../../src/errors.ts";
import { shardAdoptSchema } from "../../src/migration/result.ts";
import { shardAdoptReport } from "../../src/report/shard-repair.ts";
import { confirmSevere } from "../confirm.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { shellLine } from "../shell.ts";

export default defineCommand({
  details:
    "For a collection that an application has sharded over these nodes by itself: checks that every point is where the cluster's routing (hash, virtualNodes, " +
    "replicas, the ids of the nodes) would have it, sets ragctl's payload fields on every point, and creates the routing table; from then on it can be " +
    "planned, moved and repaired. Nodes without the collection are joining. The application must not write meanwhile, and only through ragctl's " +
    "client afterwards. It may be stopped and run again.",
  flags: {
    collection: flag.string({ description: "to adopt", placeholder: "name", required: true }),
    keyField: flag.string({
      description: "the payload field of the key, where ids are UUIDv5 of it; else ids are the keys",
      placeholder: "name",
    }),
    confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
  },
  examples: [["ragctl shard adopt --collection docs", "the ids of its points are their keys"]],
  resultSchema: shardAdoptSchema,
  async run({ flags }, context) {
    const { runtime, globals, note } = context;
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    const [{ openMigration }, { adoptCollection }, { openRun }] = await Promise.all([
      import("../../src/migration/access.ts"),
      import("../../src/migration/adopt.ts"),
      import("../../src/runs/index.ts"),
    ]);
    const access = await openMigration(cluster, runtime);
    try {
      await confirmSevere(context, cluster, `setting payload fields on every point of ${flags.collection}`, flags.confirm);
      const resume = shellLine(["ragctl", ...runtime.argv]);
      const run = openRun(runtime, { command: "shard adopt", cluster: cluster.name, resume, warn: context.warn });
      const task = context.progress.start("adopt", { unit: "points" });
      try {
        const result = await adoptCollection(
          { collection: flags.collection, ...(flags.keyField === undefined ? {} : { keyField: flags.keyField }) },
          { access, signal: runtime.signal, note, onProgress: (stamped) => task.update(stamped) },
        );
        run.end({ exitCode: ExitCode.ok, state: "done", result });
        return { result, next: [`ragctl shard verify --collection ${flags.collection}`] };
      } catch (error) {
        const exitCode = error instanceof RagctlError ? error.exitCode : ExitCode.interrupted;
        run.end({
          exitCode,
          state: runtime.signal.aborted ? "interrupted" : "failed",
          ...(runtime.signal.aborted && { resume }),
        });
        throw error;
      } finally {
        task.end();
      }
    } finally {
      await access.close();
    }
  },
  human: shardAdoptReport,
});
