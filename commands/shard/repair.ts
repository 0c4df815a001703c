import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, RagctlError } from "../../src/errors.ts";
import { shardRepairSchema, type ShardRepairResult } from "../../src/migration/result.ts";
import { shardRepairReport } from "../../src/report/shard-repair.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";

export default defineCommand({
  details:
    "A node that missed an acknowledged write is stale: it answers no reads until it has what it missed. This copies that from the other owners, holds writes " +
    "for about a second, and puts the node back in service; it starts one request timeout after the node answers. An up cluster does it by itself. A node " +
    "that is gone for good is replaced by ragctl shard plan --remove instead.",
  positionals: [{ name: "node", description: "this one alone", required: false }],
  flags: {
    collection: flag.collection({ description: "this one alone" }),
    watch: flag.boolean({ description: "go on, and repair what becomes stale, until Ctrl-C" }),
    patience: flag.positiveDurationMs({ description: "how long to wait for a node that does not answer", default: 30_000 }),
  },
  examples: [
    ["ragctl shard repair", "every stale node"],
    ["ragctl shard repair --watch", "as a service, beside a cluster that up did not start"],
  ],
  resultSchema: shardRepairSchema,
  async run({ positionals: [node], flags }, { runtime, globals, note, warn }) {
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    const [{ openMigration }, { findStale, runRepairs }, { openRun }, { finishSwitches }] = await Promise.all([
      import("../../src/migration/access.ts"),
      import("../../src/migration/run-repair.ts"),
      import("../../src/runs/index.ts"),
      import("../../src/releases/finish.ts"),
    ]);
    const access = await openMigration(cluster, runtime);
    try {
      if (node !== undefined) access.nodes.get(node);
      const run = openRun(runtime, { command: "shard repair", cluster: cluster.name, warn });
      const deps = {
        access,
        signal: runtime.signal,
        note,
        journal: {
          record: (name: string, phase: "start" | "end", detail?: unknown) =>
            run.event({ kind: "migration", name, phase, detail }, { durable: true }),
        },
      };
      const of = {
        patienceMs: flags.patience,
        ...(node === undefined ? {} : { node }),
        ...(flags.collection === undefined ? {} : { collection: flags.collection }),
      };
      const total: ShardRepairResult = { cluster: cluster.name, repaired: [], stale: [] };
      try {
        do {
          for (const said of await finishSwitches(access, "shard repair")) note(said);
          const { repaired, stale } = await runRepairs(of, deps);
          for (const one of repaired) note(`${one.collection}: ${one.node} is back in service`);
          total.repaired.push(...repaired);
          total.stale = stale;
          if (flags.watch) await runtime.clock.sleep(1_000, runtime.signal).catch(() => undefined);
        } while (flags.watch && !runtime.signal.aborted);
      } catch (error) {
        if (!(flags.watch && runtime.signal.aborted)) {
          run.end({
            exitCode: error instanceof RagctlError ? error.exitCode : ExitCode.bug,
            state: runtime.signal.aborted ? "interrupted" : "failed",
          });
          throw error;
        }
        total.stale = (await findStale(access, flags.collection)).map(({ collection, node }) => ({
          collection,
          node,
          reason: "stopped",
        }));
      }
      const exitCode = total.stale.length > 0 ? ExitCode.unhealed : ExitCode.ok;
      run.end({ exitCode, state: "done", result: total });
      return { result: total, exitCode };
    } finally {
      await access.close();
    }
  },
  human: shardRepairReport,
});
