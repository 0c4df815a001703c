import type { Move, RoutingTable } from "../sharding/table.ts";
import type { MoverDeps } from "./contract.ts";
import type { CopyJob } from "./copy-job.ts";
import type { TableAccess } from "./table.ts";
import { halfDone } from "./trouble.ts";

const lookEveryMs = 100;

/**
 * Repairs under way of nodes that a copy touches: they know the points that their node owns now, and would go on writing them.
 * @param moves of the copy
 */
export function repairsInTheWay(job: CopyJob, moves: readonly Move[], table: RoutingTable): Move[] {
  const { to, replaces, repair, leaves, group } = job;
  if (repair) return [];
  // A group's cut-over changes what nearly everybody owns.
  if (group) return table.moves.filter((move) => move.repair);
  const touched = new Set([to, replaces, ...moves.map(({ from }) => from)]);
  return table.moves.filter((move) => move.repair && touched.has(move.to) && !leaves(move.to));
}

/** @throws RagctlError exit 5 where a repair takes too long */
export async function repairsOver(
  job: CopyJob,
  moves: readonly Move[],
  access: TableAccess,
  { clock, signal, patienceMs }: MoverDeps,
): Promise<void> {
  const untilMs = clock.nowMs() + patienceMs;
  for (;;) {
    const [first] = repairsInTheWay(job, moves, (await access.read()).table);
    if (!first) return;
    if (clock.nowMs() >= untilMs)
      throw halfDone(`${job.name}: node ${first.to} is being repaired, and that does not end.`, "repair-under-way");
    await clock.sleep(lookEveryMs, signal);
  }
}
