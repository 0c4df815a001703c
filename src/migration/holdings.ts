import { moveSelects } from "../sharding/moves.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Payload, PointId } from "../stores/contract.ts";

/** A copy of a point, where it lies. */
export interface Copy {
  node: string;
  version: number | undefined;
  /** undefined: it carries none of ragctl's fields. */
  position: number | undefined;
  /** While points move between partitioners. */
  to?: number;
}

/** Where a copy says that it lies. */
export function placeIn(routing: Routing, payload: Payload | undefined): Pick<Copy, "position" | "to"> {
  return routing.placeOf(payload) ?? { position: undefined };
}

/** What is wrong with one point. */
export interface Finding {
  id: PointId;
  key: string;
  /** Serving owners that lack it. */
  missing: string[];
  /** Nodes that hold it and do not own it, or hold an older one of another cell. */
  orphaned: string[];
  /** Owners whose version is not the highest that an owner holds. */
  different: string[];
  copies: Copy[];
}

/**
 * Judges all copies of one point by the table: every serving owner must have it, in one version, and nobody else, nor an older one where that would
 * belong. What a move under way has put on its target is no orphan; what lies on nodes that do not own it alone was deleted, and left behind. Pure.
 * @param asked nodes whose copies are known; of the others nothing is said
 */
export function judge(
  routing: Routing,
  id: PointId,
  key: string,
  copies: readonly Copy[],
  asked: ReadonlySet<string>,
): Finding | undefined {
  const finding: Finding = { id, key, missing: [], orphaned: [], different: [], copies: [...copies] };
  const own: Copy[] = [];
  for (const copy of copies) {
    const index = routing.indexOf.get(copy.node);
    if (copy.position === undefined || index === undefined) {
      finding.orphaned.push(copy.node);
      continue;
    }
    const { owners, moves } = routing.setAt(copy.position, copy.to);
    if (owners.includes(index)) own.push(copy);
    else if (!moves.some((move) => move.to === copy.node && !move.repair && moveSelects(move, copy.position!, copy.to)))
      finding.orphaned.push(copy.node);
  }
  const serving = own.filter(({ node, position, to }) => routing.serves(routing.indexOf.get(node)!, position!, to));
  const best = newest(serving);
  if (best) {
    finding.orphaned.push(...own.filter((copy) => isSuperseded(routing, copy, best)).map(({ node }) => node));
    for (const index of routing.setAt(best.position!, best.to).read) {
      const node = routing.nodeIds[index]!;
      if (!asked.has(node)) continue;
      const copy = serving.find((each) => each.node === node);
      if (!copy) finding.missing.push(node);
      else if (copy.version !== best.version) finding.different.push(node);
    }
  }
  const fine = finding.missing.length + finding.orphaned.length + finding.different.length === 0;
  return fine ? undefined : finding;
}

function newest(copies: readonly Copy[]): Copy | undefined {
  return copies.reduce<Copy | undefined>(
    (top, copy) => (!top || (copy.version ?? -1) > (top.version ?? -1) ? copy : top),
    undefined,
  );
}

/** Of another cell than the newest copy, and on a node that does not own that: a writer died before it had taken the key away there, or wrote late. */
function isSuperseded(routing: Routing, { node, version }: Copy, best: Copy): boolean {
  const index = routing.indexOf.get(node)!;
  return (version ?? -1) < (best.version ?? -1) && !routing.setAt(best.position!, best.to).owners.includes(index);
}

/** Whether the copy on a node, which is where it says that it belongs, is older than one that is served elsewhere. */
export function supersededOn(routing: Routing, node: string, copies: readonly Copy[]): boolean {
  const placed = copies.filter((copy) => copy.position !== undefined && routing.indexOf.has(copy.node));
  const best = newest(placed.filter((copy) => routing.serves(routing.indexOf.get(copy.node)!, copy.position!, copy.to)));
  return best !== undefined && placed.some((copy) => copy.node === node && isSuperseded(routing, copy, best));
}

/** Equal for two looks at the same state of things. */
export function findingText({ copies, missing, orphaned, different }: Finding): string {
  return JSON.stringify([copies.toSorted((a, b) => (a.node < b.node ? -1 : 1)), missing, orphaned, different]);
}
