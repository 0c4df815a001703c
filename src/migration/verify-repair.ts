import type { Routing } from "../sharding/owners.ts";
import type { RoutingTable } from "../sharding/table.ts";
import { announceMoves, dropMove, endPause, startPause } from "../sharding/transitions.ts";
import type { Point, PointId } from "../stores/contract.ts";
import { removeExactly } from "./clean.ts";
import { versionIn } from "./compare.ts";
import { confirmedWithin, noneUndecided } from "./confirm.ts";
import type { MoverDeps } from "./contract.ts";
import { supersededOn, type Finding } from "./holdings.ts";
import { chunks, NodeIo } from "./io.ts";
import { isHold } from "./plan-state.ts";
import type { Range } from "../sharding/ranges.ts";
import { idKey, selectorOf } from "./positions.ts";
import { TableAccess, together } from "./table.ts";
import { halfDone, NodeTrouble, Unanswered } from "./trouble.ts";
import { samePoint } from "./verify.ts";

/** Points that one pause puts right. */
const perPause = 50;
const pauseBudgetMs = 1_300;
const mostAttempts = 10;

/** Takes away what a verification that died left in the table. */
export function dropHolds(table: RoutingTable, routing: Routing) {
  return together(
    table,
    routing,
    table.moves
      .filter(isHold)
      .flatMap(({ id, pause }) => [
        (each: RoutingTable) => endPause(each, id, pause),
        (each: RoutingTable) => dropMove(each, id),
      ]),
  );
}

/**
 * Puts right what a verification found. Owners get the highest version that one of them holds, while writes to those points are held; orphans,
 * and older ones of another cell, are deleted; orphans are copied home first where their hash has no serving owner. The caller holds the cluster's lock.
 * @throws RagctlError exit 5 where nodes or clients do not answer
 */
export async function repairFindings(
  deps: MoverDeps,
  findings: readonly Finding[],
): Promise<{ copied: number; deleted: number }> {
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  const io = new NodeIo(deps, table);
  await table.change(dropHolds);
  const wrong = findings.filter(({ missing, different }) => missing.length + different.length > 0);
  let copied = 0;
  let deleted = 0;
  for (const some of chunks(wrong, perPause)) copied += await levelUnderPause(io, table, deps, some);
  for (const finding of findings) {
    for (const node of finding.orphaned) {
      const done = await removeOrphan(io, table, deps, finding, node);
      copied += done.copied;
      deleted += done.deleted;
    }
  }
  return { copied, deleted };
}

async function levelUnderPause(io: NodeIo, table: TableAccess, deps: MoverDeps, findings: readonly Finding[]): Promise<number> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const done = await tryToLevel(io, table, deps, findings);
    if (done !== undefined) return done;
    await deps.clock.sleep(200 + deps.rng() * 500, deps.signal);
  }
  throw halfDone("Writes could not be held long enough to put points right.", "pause-lost");
}

/** @returns undefined where the pause was too short */
async function tryToLevel(
  io: NodeIo,
  table: TableAccess,
  deps: MoverDeps,
  findings: readonly Finding[],
): Promise<number | undefined> {
  const { clock } = deps;
  await noneUndecided(deps);
  const now = await table.read();
  const positions = findings.flatMap(({ copies }) =>
    copies.flatMap(({ position }) => (position === undefined || position < 0 ? [] : [position])),
  );
  const ranges = [...new Set(positions)].sort((a, b) => a - b).map((position): Range => [position, position + 1]);
  const server = now.nodeIds[now.everywhere[0]!]!;
  const id = `verify/${now.table.epoch}`;
  const selector = selectorOf(ranges, now.placement.coordinate);
  const { outcome, routing } = await table.change((each, compiled) =>
    together(each, compiled, [
      (one, r) => announceMoves(one, [{ id, from: server, to: server, replaces: null, selector }], r),
      (one) => startPause(one, [id]),
    ]),
  );
  if (typeof outcome === "object") throw halfDone(`Points cannot be put right now: ${outcome.refused}.`, "move-in-flight");
  const endMs = clock.nowMs() + pauseBudgetMs;
  try {
    if (!(await confirmedWithin(deps, routing.table.epoch, pauseBudgetMs))) return undefined;
    let copied = 0;
    for (const some of chunks(findings, 10)) {
      if (clock.nowMs() > endMs) return undefined;
      copied += await level(
        io,
        routing,
        some.map((finding) => finding.id),
      );
    }
    return copied;
  } catch (error) {
    if (error instanceof NodeTrouble || error instanceof Unanswered)
      throw halfDone(`Node ${error.message}`, "node-unreachable", error);
    throw error;
  } finally {
    await table.change((each, compiled) =>
      together(each, compiled, [
        (one) => endPause(one, id, one.moves.find((move) => move.id === id)?.pause ?? 0),
        (one) => dropMove(one, id),
      ]),
    );
    await deps.state.dropTouched(deps.collection, id);
  }
}

/** Gives every serving owner the highest version that one of them holds. Nobody else writes to these points meanwhile. */
async function level(io: NodeIo, routing: Routing, ids: readonly PointId[]): Promise<number> {
  const held = new Map<string, Map<string, Point>>();
  for (const index of routing.everywhere) {
    const node = routing.nodeIds[index]!;
    for (const point of await io.fetch(node, ids, { withVector: true, withPayload: true }, "once")) {
      const place = routing.placeOf(point.payload);
      if (!place || !routing.serves(index, place.position, place.to)) continue;
      const copies = held.get(idKey(point.id)) ?? new Map<string, Point>();
      held.set(idKey(point.id), copies.set(node, point));
    }
  }
  let copied = 0;
  for (const copies of held.values()) {
    const best = [...copies.values()].reduce((top, point) =>
      (versionIn(point.payload) ?? -1) > (versionIn(top.payload) ?? -1) ? point : top,
    );
    const { position, to } = routing.placeOf(best.payload)!;
    for (const index of routing.setAt(position, to).read) {
      const node = routing.nodeIds[index]!;
      const mine = copies.get(node);
      if (mine === best || (mine && versionIn(mine.payload) === versionIn(best.payload) && samePoint(mine, best))) continue;
      await io.upsert(node, [best], "once");
      copied++;
    }
  }
  return copied;
}

/** What was written there since it was found to be wrong stays: where a new vector can put a key elsewhere, it may belong there. */
async function removeOrphan(
  io: NodeIo,
  table: TableAccess,
  deps: MoverDeps,
  { id, copies }: Finding,
  node: string,
): Promise<{ copied: number; deleted: number }> {
  const nothing = { copied: 0, deleted: 0 };
  const [point] = await io.fetch(node, [id], { withVector: true, withPayload: true });
  if (!point) return nothing;
  const routing = await table.read();
  const version = versionIn(point.payload);
  if (routing.elsewhere && version !== copies.find((copy) => copy.node === node)?.version) return nothing;
  const index = routing.indexOf.get(node);
  const place = routing.placeOf(point.payload);
  let copied = 0;
  if (place) {
    const { owners, read } = routing.setAt(place.position, place.to);
    if (index !== undefined && owners.includes(index)) {
      if (!supersededOn(routing, node, copies)) return nothing;
    } else if (read.length === 0)
      for (const owner of owners) {
        const home = routing.nodeIds[owner]!;
        const [there] = await io.fetch(home, [id], { withVector: false, withPayload: true });
        if (there && (versionIn(there.payload) ?? -1) >= (version ?? -1)) continue;
        await io.upsert(home, [point]);
        copied++;
      }
  }
  if (routing.elsewhere) await removeExactly(io, deps, node, [{ id, version }]);
  else await io.remove(node, [id]);
  return { copied, deleted: 1 };
}
