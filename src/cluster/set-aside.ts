import { markQuiet, markStale } from "../sharding/transitions.ts";
import type { RoutedDeps } from "./deps.ts";
import type { View } from "./watch.ts";

/** A node that a write did not reach, or of which it is not known. */
export interface FailedNode {
  /** Index into the view's nodes. */
  node: number;
  /** There was no answer, and the write may still land. */
  mayLand: boolean;
  /** Keys of the batch that are stored elsewhere, and can be acknowledged once this node answers no reads. */
  gains: number;
  message: string;
}

export interface SetAside {
  /** Nodes that are stale now: their failures no longer stand in the way. */
  stale: Set<number>;
  /** Ids of those that this write marked. */
  marked: string[];
  /** Why the others could not be marked. */
  refusals: Map<number, string>;
  /** Ids of nodes on which the write may still land, and which the state store could not be told of: nothing may be written to them before. */
  untold: string[];
}

/**
 * The same for nodes that hang, while their answers are still waited for: those that can be marked stale are, with something to gain, and need not be
 * waited for any longer (what they were sent may land late, as after a timeout). Nothing is done about the others.
 */
export async function setAsideSilent(
  deps: RoutedDeps,
  view: View,
  silent: readonly FailedNode[],
  result: SetAside,
): Promise<SetAside> {
  for (const { node, gains } of byGains(silent)) {
    if (gains === 0) continue;
    const id = view.routing.nodeIds[node]!;
    // A state store that does not answer says so again when the time is up.
    const outcome = await mark(deps, view.collection, id).catch(() => undefined);
    if (typeof outcome !== "string") continue;
    result.stale.add(node);
    if (outcome === "changed") result.marked.push(id);
  }
  return result;
}

/**
 * Takes nodes that failed a write out of service before anything is acknowledged: stale where something is gained by it, by
 * compare-and-set, those with the most to gain first. A node that cannot be marked, and on which the write may still
 * land, becomes quiet: the next write to it could be undone by this one's late arrival.
 * @param result what was set aside before: added to
 */
export async function setAside(deps: RoutedDeps, view: View, failed: readonly FailedNode[], result: SetAside): Promise<SetAside> {
  for (const { node, mayLand, gains, message } of byGains(failed)) {
    if (result.stale.has(node)) continue;
    const id = view.routing.nodeIds[node]!;
    try {
      if (gains > 0) {
        const outcome = await mark(deps, view.collection, id);
        if (typeof outcome === "string") {
          result.stale.add(node);
          if (outcome === "changed") result.marked.push(id);
          continue;
        }
        result.refusals.set(node, `${message}; and it cannot be marked stale: ${outcome.refused}`);
      }
      if (mayLand) await deps.watch.change(view.collection, (table) => markQuiet(table, id));
    } catch (error) {
      result.refusals.set(node, `${message}; and it cannot be marked stale: ${(error as Error).message}`);
      if (mayLand) result.untold.push(id);
    }
  }
  return result;
}

export function nothingAside(): SetAside {
  return { stale: new Set(), marked: [], refusals: new Map(), untold: [] };
}

function byGains(failed: readonly FailedNode[]): FailedNode[] {
  return failed.toSorted((a, b) => b.gains - a.gains);
}

/** Once a failure, not once a write: a node that this client knows to be stale already costs no look at the store. */
async function mark(deps: RoutedDeps, collection: string, id: string) {
  const table = deps.watch.current(collection)?.routing.table;
  const repairing = table?.moves.some((move) => move.repair && move.to === id);
  if (table?.nodes[id]?.state === "stale" && !repairing) return "unchanged" as const;
  return await deps.watch.change(collection, (table, routing) => markStale(table, id, routing));
}
