import { createRouting, type Routing } from "../sharding/owners.ts";
import { loadHashes } from "../sharding/hash.ts";
import { selectorRanges } from "../sharding/moves.ts";
import { spread } from "../sharding/plan/loads.ts";
import type { Move, RoutingTable } from "../sharding/table.ts";
import type { StateStore } from "../state/contract.ts";
import { describePartitioner } from "./describe.ts";
import { pointsOn, type Nodes } from "./node-access.ts";
import type { ShardStatusResult } from "./result.ts";

type TableStatus = ShardStatusResult["tables"][number];

export interface ShardStatusDeps {
  /** Undefined: there is no state yet. */
  state: StateStore | undefined;
  /** The nodes of one table; closed by this function. */
  nodesOf: (table: RoutingTable) => Nodes;
}

/** What the state store says of a routed cluster, with what each node holds. @param collection absent: all */
export async function shardStatus(
  { state, nodesOf }: ShardStatusDeps,
  collection?: string,
): Promise<Pick<ShardStatusResult, "tables" | "locks" | "clients">> {
  if (!state) return { tables: [], locks: [], clients: 0 };
  await loadHashes();
  const names = (await state.tables())
    .map((table) => table.collection)
    .filter((name) => collection === undefined || name === collection);
  const [found, locks, leases] = await Promise.all([
    Promise.all(names.map((name) => state.getTable(name))),
    state.locks(),
    state.leases(),
  ]);
  const tables = await Promise.all(
    found.filter((table) => table !== undefined).map((table) => tableStatus(table, nodesOf(table))),
  );
  return {
    tables,
    locks: locks
      .filter(({ remainingMs }) => remainingMs > 0)
      .map(({ name, owner, token, acquiredAtMs, remainingMs }) => ({
        name,
        host: owner.host,
        pid: owner.pid,
        purpose: owner.purpose,
        token,
        acquiredAt: acquiredAtMs,
        remainingMs,
      })),
    clients: leases.filter(({ remainingMs }) => remainingMs > 0).length,
  };
}

async function tableStatus(table: RoutingTable, nodes: Nodes): Promise<TableStatus> {
  const routing = createRouting(table);
  const ids = Object.keys(table.nodes);
  try {
    const points = await Promise.all(
      ids.map((id) => pointsOn(nodes.of(id), table.nodes[id]!.state === "joining").catch(() => null)),
    );
    const owned = ownedShares(routing);
    const copies = owned.reduce((sum, share) => sum + share, 0) || 1;
    const owning = routing.nodeIds.flatMap((id, index) =>
      owned[index]! > 0 ? [{ load: owned[index]!, intended: table.nodes[id]!.weight }] : [],
    );
    return {
      collection: table.collection,
      epoch: table.epoch,
      placement: [describePartitioner(table.partitioner), ...layouts(table), ...keptCopies(table)].join(" · "),
      replicas: table.replicas,
      nodes: ids.map((id, index) => {
        const { state, quiet, weight, zone, url } = table.nodes[id]!;
        const share = owned[routing.indexOf.get(id)!]! / copies;
        return { id, state, quiet: quiet !== undefined, weight, zone: zone ?? null, share, points: points[index]!, url };
      }),
      maxOverMean: spread(owning).maxOverMean,
      unservedShare: routing.unservedShare,
      moves: table.moves.map((move) => ({
        id: move.id,
        phase: move.phase,
        repair: move.repair === true,
        from: move.from,
        to: move.to,
        replaces: move.replaces === undefined ? move.from : move.replaces,
        share: shareOf(move, routing),
        pause: move.pause,
      })),
    };
  } finally {
    await nodes.close();
  }
}

/** By node index, the share of the positions that it owns a copy of now. */
function ownedShares({ sets, nodeIds }: Routing): number[] {
  const shares = nodeIds.map(() => 0);
  for (const { owners, share } of sets) for (const node of owners) shares[node]! += share;
  return shares;
}

function shareOf({ selector }: Move, { placement }: Routing): number {
  return selectorRanges(selector).reduce((sum, [lo, hi]) => sum + (hi - lo) / placement.space, 0);
}

/** Of points near boundaries, and how far that is. */
function keptCopies({ spill }: RoutingTable): string[] {
  if (!spill) return [];
  const said = { stamping: "are begun", filling: "are made", on: "are kept", ending: "are taken away" } as const;
  return [`copies near boundaries ${said[spill.phase]}`];
}

/** What the nodes call the collection, where not by its name, and what there is of it besides. */
function layouts({ physical, beside }: RoutingTable): string[] {
  return [
    ...(physical === undefined ? [] : [`${physical} on the nodes`]),
    ...(beside ? [`${beside.physical} ${beside.state === "building" ? "being built beside it" : "not dropped yet"}`] : []),
  ];
}
