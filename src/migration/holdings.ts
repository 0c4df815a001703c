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
  /** Nodes that hold it and do not own it. */
  orphaned: string[];
  /** Owners whose version is not the highest that an owner holds. */
  different: string[];
  copies: Copy[];
}

/**
 * Judges all copies of one point by the table: every serving owner must have it, in one version, and nobody else. What a move under way has
 * put on its target is no orphan; what lies on nodes that do not own it alone was deleted, and left behind. Pure.
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
  const best = serving.reduce<Copy | undefined>(
    (top, copy) => (!top || (copy.version ?? -1) > (top.version ?? -1) ? copy : top),
    undefined,
  );
  if (best) {
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

/** Equal for two looks at the same state of things. */
export function findingText({ copies, missing, orphaned, different }: Finding): string {
  return JSON.stringify([copies.toSorted((a, b) => (a.node < b.node ? -1 : 1)), missing, orphaned, different]);
}
