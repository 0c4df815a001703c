import { ExitCode, RagctlError } from "../errors.ts";
import type { Routing } from "../sharding/owners.ts";
import { spillTargets } from "../sharding/spill.ts";
import type { Move, RoutingTable } from "../sharding/table.ts";
import { dropMove, reviveIdle } from "../sharding/transitions.ts";
import { patiently } from "./apply.ts";
import type { MoverDeps } from "./contract.ts";
import { NodeIo } from "./io.ts";
import type { Range } from "../sharding/ranges.ts";
import { selectorOf } from "./positions.ts";
import type { Region } from "./sources.ts";
import { TableAccess, together } from "./table.ts";
import type { CopyJob } from "./copy-job.ts";
import { TrackedCopy } from "./tracked-copy.ts";
import { halfDone, StartOver } from "./trouble.ts";

const lookEveryMs = 250;
const slackMs = 500;
const mostAttempts = 20;

export interface RepairDeps extends MoverDeps {
  prepareNode: (id: string, url: string) => Promise<void>;
}

/** Nodes of a table that missed an acknowledged write. */
export function staleNodes(table: RoutingTable): string[] {
  return Object.entries(table.nodes).flatMap(([id, { state }]) => (state === "stale" ? [id] : []));
}

function isRepairOf(node: string): (move: Move) => boolean {
  return (move) => move.repair === true && move.to === node;
}

/** All positions that a node owns, stale or not. */
function ownedRanges(routing: Routing, id: string, { segments } = routing.parts[0]!): Range[] {
  const node = routing.indexOf.get(id);
  const ranges: Range[] = [];
  for (const { lo, hi, set } of segments) {
    if (node === undefined || !set.owners.includes(node)) continue;
    const last = ranges.at(-1);
    if (last?.[1] === lo) last[1] = hi;
    else ranges.push([lo, hi]);
  }
  return ranges;
}

/**
 * The same while points move between partitioners: what it owns of those that have not moved, and of those that have. Where copies are kept near
 * boundaries: what it owns, and its copies.
 */
function ownedRegions(routing: Routing, id: string): (Region & { moved: boolean })[] {
  const { next, placement, parts } = routing;
  if (!next) {
    const copies = spillTargets(routing).filter(({ to }) => to === id);
    return [{ old: ownedRanges(routing, id), moved: false }, ...copies.map(({ old, into }) => ({ old, into, moved: false }))];
  }
  const all = (space: number): Range[] => [[0, space]];
  return parts
    .map((part): Region & { moved: boolean } => {
      const own = ownedRanges(routing, id, part);
      if (part.placement === next) return { old: all(placement.space), into: own, moved: true };
      return { old: own, into: part.into ? [...part.into.ranges] : all(next.space), moved: false };
    })
    .filter(({ old, into }) => old.length > 0 && into!.length > 0);
}

/**
 * Brings a stale node back (ROUTING.md, "Repair"): one tracked copy with a source for each selector that it owns, one pause, one cut-over
 * to `serving`. Starts one request timeout after the node was seen to answer; starts over where it is marked stale again. The
 * caller holds the node's lock.
 * @returns false where the node is not stale
 * @throws RagctlError exit 5 where it does not answer, or no source is left; exit 7 where the table does not know it
 */
export async function repairNode(node: string, deps: RepairDeps): Promise<boolean> {
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  const io = new NodeIo(deps, table);
  const job: CopyJob = {
    name: `repair ${node}`,
    to: node,
    replaces: null,
    repair: true,
    leaves: () => false,
    selector: (routing) => selectorOf(ownedRanges(routing, node), routing.placement.coordinate),
    regions: (routing) => ownedRegions(routing, node),
    owns: isRepairOf(node),
    newId(now) {
      const taken = new Set(now.moves.map(({ id }) => id));
      for (let n = 1; ; n++) {
        const id = `repair-${node}-${now.epoch}.${n}`;
        if (!taken.has(id)) return id;
      }
    },
  };
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const { table: now } = await table.read();
    const entry = now.nodes[node];
    // A plan that took it away has come to its end meanwhile.
    if (!entry && attempt > 0) return false;
    if (!entry)
      throw new RagctlError(`The table of ${deps.collection} has no node ${node}.`, {
        code: "no-such-node",
        exitCode: ExitCode.usage,
        hint: `Its nodes: ${Object.keys(now.nodes).join(", ")}.`,
      });
    if (entry.state !== "stale") return false;
    await answersForLong(io, node, deps);
    await patiently(deps, () => deps.prepareNode(node, entry.url));
    // What a dead repairer left says nothing that holds.
    await table.change((each, routing) =>
      together(
        each,
        routing,
        each.moves.filter(isRepairOf(node)).map(
          ({ id }) =>
            (one: RoutingTable) =>
              dropMove(one, id),
        ),
      ),
    );
    if ((await table.change((each, routing) => reviveIdle(each, node, routing))).outcome === "changed") return true;
    try {
      await new TrackedCopy(job, deps).run();
      return true;
    } catch (error) {
      if (!(error instanceof StartOver)) throw error;
      deps.note(`repair ${node}: starts over${error.message ? ` (${error.message})` : ""}`);
    }
  }
  throw halfDone(`Node ${node} is marked stale again and again.`, "repair-restarts");
}

/** Resolves one request timeout after the node began to answer: what was sent to it before has landed by then. */
async function answersForLong(io: NodeIo, node: string, deps: RepairDeps): Promise<void> {
  const { clock, signal, requestTimeoutMs, patienceMs } = deps;
  const untilMs = clock.nowMs() + patienceMs;
  let sinceMs: number | undefined;
  for (;;) {
    if (!(await io.answers(node))) sinceMs = undefined;
    else sinceMs ??= clock.nowMs();
    if (sinceMs !== undefined && clock.nowMs() - sinceMs >= requestTimeoutMs + slackMs) return;
    if (sinceMs === undefined && clock.nowMs() >= untilMs) throw halfDone(`Node ${node} does not answer.`, "node-unreachable");
    await clock.sleep(lookEveryMs, signal);
  }
}
