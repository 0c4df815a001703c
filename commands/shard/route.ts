import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, RagctlError, usageError, type Problem } from "../../src/errors.ts";
import { parsePairs, parseWeights } from "../../src/planning/nodes-input.ts";
import { shardRouteSchema } from "../../src/planning/result.ts";
import type { Route } from "../../src/planning/route.ts";
import { shardRouteReport } from "../../src/report/shard-route.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";
import { ringFlags } from "./inputs.ts";
import { plural } from "../../src/units.ts";

const flags = {
  idsFrom: flag.file({ description: "a file of ids, one a line; - is stdin" }),
  collection: flag.collection({ description: "of the cluster (default: the config's, or the only one)" }),
  ...ringFlags,
  out: flag.file({ description: "write the routes there, a JSON line each: for any number of ids", short: "o" }),
};

export default defineCommand({
  details:
    "By the routing table of a live collection, moves that are under way included; or with --nodes by a ring of these nodes, with nothing else needed: " +
    "md5-32 (the digest mod 2^32) and md5-128 give, id for id, what the usual Python rings give.",
  positionals: [{ name: "id", description: "ids, as the application names them", variadic: true }],
  flags,
  examples: [
    ["ragctl shard route doc_1_chunk_3 --collection docs", "by the table of a live collection"],
    [
      "ragctl shard route --nodes db-1,db-2,db-3 --hash md5-32 --ids-from ids.txt --json",
      "as a Python ring of these nodes routes",
    ],
  ],
  resultSchema: shardRouteSchema,
  async run({ positionals, flags }, context) {
    const problems: Problem[] = [];
    if (positionals.length === 0 && flags.idsFrom === undefined)
      problems.push({ path: "ID", message: "give ids, or --ids-from" });
    if (flags.nodes.length === 0) {
      const offlineOnly = { "--vnodes": flags.vnodes, "--hash": flags.hash, "--replicas": flags.replicas };
      for (const [path, value] of Object.entries(offlineOnly))
        if (value !== undefined) problems.push({ path, message: "goes with --nodes: a live collection has a table" });
      for (const [path, { length }] of [
        ["--weight", flags.weight] as const,
        ["--zone", flags.zone] as const,
        ["--bounds", flags.bounds] as const,
      ])
        if (length > 0) problems.push({ path, message: "goes with --nodes: a live collection has a table" });
    } else if (flags.collection !== undefined)
      problems.push({ path: "--collection", message: "is of a live cluster; --nodes asks none" });
    if (problems.length > 0) throw usageError(problems, { hint: "ragctl shard route --help" });
    const { loadHashes } = await import("../../src/sharding/hash.ts");
    await loadHashes();
    const { source, route } = flags.nodes.length > 0 ? await ringRoute(flags) : await tableRoute(flags, context);
    const { routeIds } = await import("../../src/planning/route.ts");
    const from = flags.idsFrom === undefined ? { ids: positionals } : { ids: positionals, file: flags.idsFrom };
    return { result: { source, ...(await routeIds(route, from, flags.out, context.runtime)) } };
  },
  human: shardRouteReport,
});

type RouteFlags = FlagValues<typeof flags>;

async function ringRoute(flags: RouteFlags): Promise<{ source: string; route: Route }> {
  const [{ layoutOfFlags }, { placementOfLayout }, { describePartitioner }] = await Promise.all([
    import("../../src/planning/offline.ts"),
    import("../../src/sharding/plan/layout.ts"),
    import("../../src/planning/describe.ts"),
  ]);
  const ring = {
    nodes: flags.nodes,
    hash: flags.hash ?? "xxh32",
    virtualNodes: flags.vnodes ?? 150,
    ...(flags.bounds.length > 0 && { bounds: flags.bounds }),
    replicas: flags.replicas ?? 1,
  };
  const layout = layoutOfFlags(ring, { weights: parseWeights(flags.weight), zones: parsePairs("--zone", flags.zone) });
  const placement = placementOfLayout(layout);
  return {
    source: `${plural(flags.nodes.length, "node")} of --nodes, ${describePartitioner(layout.partitioner)}`,
    route: (key) => placement.ownersOfKey(key),
  };
}

async function tableRoute(
  flags: RouteFlags,
  { runtime, globals, note }: CommandContext,
): Promise<{ source: string; route: Route }> {
  const cluster = await resolveCluster(runtime, globals);
  note(clusterLine(runtime, cluster));
  if (cluster.topology === "native")
    throw new RagctlError(`Cluster ${cluster.name} is native: the store routes, and does not say where an id is.`, {
      code: "not-routed",
      exitCode: ExitCode.usage,
      hint: "--nodes a,b,c routes without a cluster",
    });
  const [{ lookIntoState, tableOf }, { createRouting }] = await Promise.all([
    import("../../src/planning/state.ts"),
    import("../../src/sharding/owners.ts"),
  ]);
  const state = await lookIntoState(cluster, runtime);
  try {
    const table = await tableOf(state, flags.collection, cluster);
    const routing = createRouting(table);
    if (routing.elsewhere)
      throw new RagctlError(
        `Collection ${table.collection} is placed by meaning: where a point is depends on its vector, not its id.`,
        {
          code: "needs-vector",
          exitCode: ExitCode.usage,
        },
      );
    const names = new Map<readonly number[], string[]>();
    return {
      source: `table of ${table.collection}, epoch ${table.epoch}`,
      route(key) {
        const { owners } = routing.setAt(routing.stamper.hashOf(key));
        let list = names.get(owners);
        if (!list) names.set(owners, (list = owners.map((index) => routing.nodeIds[index]!)));
        return list;
      },
    };
  } finally {
    await state?.close();
  }
}
