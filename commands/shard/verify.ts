import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode } from "../../src/errors.ts";
import { shardVerifySchema, type ShardVerifyResult } from "../../src/migration/result.ts";
import { shardVerifyReport } from "../../src/report/shard-verify.ts";
import { confirmSevere } from "../confirm.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";

export default verifyCommand({
  noun: "shard",
  details:
    "Compares every replica id by id and version by version, and a sample of vectors and payloads; finds gaps, orphans and differences, while writes go on. " +
    "With --repair owners get the highest version that one of them holds, and orphans are deleted. Exits 4 when anything is (still) wrong.",
});

/** The command that compares replicas, under a noun. */
export function verifyCommand({ noun, details }: { noun: "shard" | "rebalance"; details: string }) {
  return defineCommand({
    details,
    flags: {
      collection: flag.collection({ description: "of the cluster (default: the config's, or the only one)" }),
      repair: flag.boolean({ description: "put right what is wrong" }),
      sample: flag.count({ description: "points whose vectors are compared", default: 200 }),
      plan: flag.file({
        description: "native clusters: what the shards are compared with (default: the copies that the collection wants)",
      }),
      confirm: flag.string({ description: "the name of a protected cluster, for --repair", placeholder: "name" }),
    },
    examples: [
      [`ragctl ${noun} verify --collection docs`, "after an apply, or after anything that worries you"],
      [`ragctl ${noun} verify --collection docs --repair`, "and put it right"],
    ],
    resultSchema: shardVerifySchema,
    async run({ flags }, context) {
      const { runtime, globals, note } = context;
      const cluster = await resolveCluster(runtime, globals);
      note(clusterLine(runtime, cluster));
      if (cluster.topology === "native") {
        const { verifyNativePlan } = await import("../../src/migration/run-native-verify.ts");
        return outcome(noun, await verifyNativePlan({ ...flags, file: flags.plan }, cluster, runtime));
      }
      const [{ openMigration }, { runVerify }, { tableOf }, { openRun }] = await Promise.all([
        import("../../src/migration/access.ts"),
        import("../../src/migration/run-verify.ts"),
        import("../../src/planning/state.ts"),
        import("../../src/runs/index.ts"),
      ]);
      const access = await openMigration(cluster, runtime);
      try {
        const { collection } = await tableOf(access.state, flags.collection, cluster);
        if (flags.repair && cluster.protected) await confirmSevere(context, cluster, `repairing ${collection}`, flags.confirm);
        const run = flags.repair
          ? openRun(runtime, { command: `${noun} verify --repair`, cluster: cluster.name, warn: context.warn })
          : undefined;
        const task = context.progress.start("verify", { unit: "points" });
        try {
          const result = await runVerify(
            { collection, repair: flags.repair, sample: flags.sample, patienceMs: 10_000 },
            {
              access,
              signal: runtime.signal,
              note,
              journal: {
                record: (name, phase, detail) => run?.event({ kind: "migration", name, phase, detail }, { durable: true }),
              },
            },
          );
          run?.end({ exitCode: result.clean ? ExitCode.ok : ExitCode.failed, state: "done", result });
          return outcome(noun, result);
        } catch (error) {
          run?.end({ exitCode: ExitCode.unhealed, state: runtime.signal.aborted ? "interrupted" : "failed" });
          throw error;
        } finally {
          task.end();
        }
      } finally {
        await access.close();
      }
    },
    human: shardVerifyReport,
  });
}

function outcome(noun: string, result: ShardVerifyResult) {
  // Of a native cluster there is no table, and --repair is the store's own work.
  if (result.epoch === null) return { result, exitCode: result.clean ? ExitCode.ok : ExitCode.failed };
  const next = result.clean || result.repaired ? [] : [`ragctl ${noun} verify --collection ${result.collection} --repair`];
  return { result, exitCode: result.clean ? ExitCode.ok : ExitCode.failed, next };
}
