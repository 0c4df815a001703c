import { ExitCode, RagctlError } from "../errors.ts";
import { createRouting, loadHashes, type RoutingTable } from "../sharding/index.ts";
import { formatPercent } from "../units.ts";

/** What taking nodes away would do to one collection. */
export interface BlastRadius {
  collection: string;
  /** Share of the hashes that would have fewer serving owners than reads need, [0, 1]. */
  unservedShare: number;
  /** Share of the hashes whose owners would become fewer. */
  affectedShare: number;
  /** Owners that would be alone responsible for something that is lost: why it is refused. */
  lastOwners: string[];
}

/**
 * Pure arithmetic over the table's arcs, nothing sampled.
 * @param taken nodes that the fault would silence
 * @param dead nodes that do not answer already
 * @param needed serving owners that a read needs: 1 for `one`
 */
export async function blastRadius(
  tables: readonly RoutingTable[],
  taken: readonly string[],
  dead: readonly string[],
  neededOf: (table: RoutingTable) => number,
): Promise<BlastRadius[]> {
  await loadHashes();
  return tables.map((table) => {
    const routing = createRouting(table);
    const takenIndexes = new Set(taken.map((id) => routing.indexOf.get(id)));
    const gone = new Set([...taken, ...dead].map((id) => routing.indexOf.get(id)));
    const needed = neededOf(table);
    const radius: BlastRadius = { collection: table.collection, unservedShare: 0, affectedShare: 0, lastOwners: [] };
    const last = new Set<string>();
    for (const { read, share } of routing.sets) {
      if (!read.some((node) => takenIndexes.has(node))) continue;
      radius.affectedShare += share;
      if (read.filter((node) => !gone.has(node)).length >= needed) continue;
      radius.unservedShare += share;
      for (const node of read) if (takenIndexes.has(node)) last.add(routing.nodeIds[node]!);
    }
    return { ...radius, lastOwners: [...last].toSorted() };
  });
}

/** Serving owners that a read of this level needs, of a table's replicas. */
export function neededOwners(consistency: "one" | "quorum" | "all", replicas: number): number {
  if (consistency === "one") return 1;
  return consistency === "all" ? replicas : Math.floor(replicas / 2) + 1;
}

/** @throws RagctlError exit 7 where some hash would be left with too few serving owners, naming collections, shares and who is dead already */
export function refuseLostOwners(radii: readonly BlastRadius[], taken: readonly string[], dead: readonly string[]): void {
  const lost = radii.filter(({ unservedShare }) => unservedShare > 0);
  if (lost.length === 0) return;
  const shares = lost.map(({ collection, unservedShare }) => `${formatPercent(unservedShare)} of ${collection}`).join(", ");
  const because = dead.length > 0 ? ` (${dead.join(", ")} ${dead.length === 1 ? "is" : "are"} down already)` : "";
  throw new RagctlError(`without ${taken.join(", ")}, ${shares} would have no serving owner${because}`, {
    code: "last-replica",
    exitCode: ExitCode.refused,
    hint:
      dead.length > 0
        ? "bring back what is down first: ragctl up"
        : "a cluster with more replicas survives it: ragctl up --replicas",
    details: { lost, taken, dead },
  });
}
