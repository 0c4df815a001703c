import { selectorRanges } from "../sharding/moves.ts";
import type { Routing } from "../sharding/owners.ts";
import { subtractRanges, type Range } from "../sharding/ranges.ts";
import type { Move, RoutingTable } from "../sharding/table.ts";
import { announceMoves, dropMove, endPause, type Transition } from "../sharding/transitions.ts";
import type { CopyJob, FreightMeans, GroupJob } from "./copy-job.ts";
import type { Freight } from "./freight.ts";
import { chooseSources, regionSources, servesAll, type Region } from "./sources.ts";
import { together } from "./table.ts";

/** What an announcement makes of a table. */
export interface Announcement {
  change: Transition | "unchanged";
  /** Logs of moves that make room for others: nobody writes to them once the epoch after is confirmed. */
  dropped: string[];
}

interface Means {
  /** Nodes that may be read. */
  usable: (id: string) => boolean;
  /** Whether the store can be told to leave newer points alone. */
  conditional: boolean;
}

/** What of the selector no move of the job covers. */
export function remainder({ owns, selector }: CopyJob, routing: Routing): Range[] {
  const mine = routing.table.moves.filter((move) => owns(move));
  return subtractRanges(
    selectorRanges(selector(routing)),
    mine.flatMap((move) => selectorRanges(move.selector)),
  );
}

/** Pauses that a dead mover left are over, moves that cannot be read any more make room, and what no move covers gets one. Pure. */
export function announcement(job: CopyJob, table: RoutingTable, routing: Routing, means: Means): Announcement {
  const { owns } = job;
  const { usable } = means;
  const open = table.moves.filter((move) => owns(move) && move.phase !== "cutover");
  const unreadable = open.filter(
    (move) => move.from !== move.to && !(usable(move.from) && servesAll(routing, move.from, move.selector, move.into)),
  );
  // Of two partitioners' positions nothing is put together again: all of it, or nothing.
  const lost = hasRegions(routing) && job.regions && unreadable.length > 0 ? open : unreadable;
  const change = together(table, routing, [
    ...released(open),
    ...lost.map((move) => (each: RoutingTable) => dropMove(each, move.id)),
    (each, compiled) => announceMissing(job, each, compiled, means),
  ]);
  return { change, dropped: lost.map(({ id }) => id) };
}

/** Whether what a node has is a matter of two positions. */
function hasRegions({ next, table }: Routing): boolean {
  return next !== undefined || table.spill?.phase === "on";
}

/** A move for each source of what no move of the job covers. */
function announceMissing(
  job: CopyJob,
  table: RoutingTable,
  routing: Routing,
  { usable, conditional }: Means,
): Transition | "unchanged" {
  const { to, from, replaces, repair, owns, newId } = job;
  const regions = hasRegions(routing) ? job.regions : undefined;
  const ranges = regions ? [] : remainder(job, routing);
  if (regions ? table.moves.some((move) => owns(move)) : ranges.length === 0) return "unchanged";
  const idle = from === to;
  const target = routing.indexOf.get(to);
  if (!repair && !idle && routing.elsewhere && !conditional && routing.sets.some(({ read }) => read.includes(target!)))
    return { refused: `${to} serves other cells, and the store cannot be told to leave newer points of them alone` };
  const chosen = idle
    ? { sources: [{ from: to, selector: job.selector(routing) }], missingShare: 0 }
    : regions
      ? allSources(routing, regions(routing), (id) => id !== to && usable(id))
      : chooseSources(routing, ranges, to, from, usable);
  if (chosen.missingShare > 0) return { refused: "some of its points have no serving owner to read them from" };
  let next = table;
  for (const source of chosen.sources) {
    const announced = announceMoves(next, [{ id: newId(next), ...source, to, replaces, ...(repair && { repair }) }], routing);
    if ("refused" in announced) return announced;
    next = { ...announced.table, epoch: table.epoch };
  }
  return { table: { ...next, epoch: table.epoch + 1 } };
}

/**
 * The moves of a whole group, one a target, in the place of whatever was announced for it before. Pure.
 * @returns besides the id of their log, and what makes their freight
 */
export function groupAnnouncement(
  { owns, newId }: CopyJob,
  group: GroupJob,
  table: RoutingTable,
  routing: Routing,
  usable: (id: string) => boolean,
): Announcement & { log: string; freight: ((means: FreightMeans) => Freight) | undefined } {
  const mine = table.moves.filter((move) => owns(move));
  let freight: ((means: FreightMeans) => Freight) | undefined;
  let log = "";
  const change = together(table, routing, [
    ...released(mine),
    ...mine.map((move) => (each: RoutingTable) => dropMove(each, move.id)),
    (each, compiled) => {
      log = newId({ ...each, moves: table.moves });
      const announced = group.announcement(compiled, { log, usable });
      if ("refused" in announced) return announced;
      ({ freight } = announced);
      return announced.moves.length === 0 ? "unchanged" : announceMoves(each, announced.moves, compiled);
    },
  ]);
  return { change, dropped: mine.map(({ log, id }) => log ?? id), log, freight };
}

/** The ends of pauses that a dead mover may have left. */
function released(moves: readonly Move[]) {
  return moves.map((move) => (each: RoutingTable) => endPause(each, move.id, move.pause));
}

function allSources(routing: Routing, regions: readonly (Region & { moved: boolean })[], usable: (id: string) => boolean) {
  const chosen = regions.map(({ moved, ...region }) => regionSources(routing, region, { moved, usable }));
  return {
    sources: chosen.flatMap(({ sources }) => sources),
    missingShare: chosen.reduce((sum, { missingShare }) => sum + missingShare, 0),
  };
}
