import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { shardStatusSchema, type ShardStatusResult } from "../../src/planning/result.ts";
import { shardStatusReport } from "../../src/report/shard-status.ts";
import type { Runtime } from "../../src/runtime.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";

export default defineCommand({
  details:
    "What the state store says of each routed collection, and what each node holds; of a native cluster, shards and transfers.",
  flags: {
    collection: flag.collection({ description: "this one alone (native: default the config's)" }),
  },
  examples: [["ragctl shard status --collection docs", "the table, node by node"]],
  resultSchema: shardStatusSchema,
  async run({ flags }, { runtime, globals, note }) {
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    const about = { cluster: cluster.name, topology: cluster.topology };
    if (cluster.topology === "native")
      return {
        result: { ...about, tables: [], locks: [], clients: 0, native: await nativeStatus(cluster, flags.collection, runtime) },
      };
    const [{ lookIntoState, tableOf }, { nodesOfTable }, { shardStatus }] = await Promise.all([
      import("../../src/planning/state.ts"),
      import("../../src/planning/node-access.ts"),
      import("../../src/planning/status.ts"),
    ]);
    const state = await lookIntoState(cluster, runtime);
    try {
      if (flags.collection !== undefined) await tableOf(state, flags.collection, cluster);
      const nodesOf = (table: Parameters<typeof nodesOfTable>[1]) => nodesOfTable(cluster, table, runtime.cwd);
      const result: ShardStatusResult = { ...about, ...(await shardStatus({ state, nodesOf }, flags.collection)), native: null };
      return { result, next: nextOf(result) };
    } finally {
      await state?.close();
    }
  },
  human: shardStatusReport,
});

async function nativeStatus(
  cluster: ClusterConfig,
  named: string | undefined,
  runtime: Runtime,
): Promise<ShardStatusResult["native"]> {
  const [{ nativeAccess }, { collectionOf }, { observeNative }, { physicalName }] = await Promise.all([
    import("../../src/migration/native/access.ts"),
    import("../../src/planning/state.ts"),
    import("../../src/migration/native/observe.ts"),
    import("../../src/planning/native.ts"),
  ]);
  const collection = collectionOf(named, cluster, []);
  const physical = await physicalName(cluster, collection, runtime);
  const { shards, transfers, consensus, notes } = await observeNative(nativeAccess(cluster, physical, runtime), {
    signal: runtime.signal,
  });
  return {
    collection,
    shards: shards.map(({ id, points, bytes, replicas }) => ({
      id,
      points,
      bytes,
      replicas: replicas.map(({ node, state }) => ({ node, state })),
    })),
    transfers: transfers.map(({ shardId, from, to, comment }) => ({ shardId, from, to, comment: comment ?? null })),
    quorum: consensus.quorum,
    leader: consensus.leader,
    notes,
  };
}

function nextOf({ tables }: ShardStatusResult): string[] {
  const next: string[] = [];
  for (const { collection, nodes, moves } of tables) {
    if (nodes.some(({ state }) => state === "stale")) next.push(`ragctl shard repair --collection ${collection}`);
    if (moves.some(({ repair }) => !repair)) next.push("ragctl shard apply --resume");
    else if (nodes.some(({ state }) => state === "joining"))
      next.push(`ragctl shard plan --collection ${collection} -o plan.json`);
  }
  return [...new Set(next)];
}
