import { inRanges } from "./ranges.ts";
import { selectorRanges } from "./moves.ts";
import type { OwnerSet } from "./owner-set.ts";
import type { Move, TableSpill } from "./table.ts";

/**
 * Who has a point of a table that keeps copies near boundaries, by its cell and its second one: the owners of its cell and, once the copies are there,
 * those of the second besides. Pure; remembered by the pair.
 * @param setAt of a cell alone
 */
export function secondOwners(
  phase: TableSpill["phase"],
  setAt: (cell: number) => OwnerSet,
): (cell: number, second: number | undefined) => OwnerSet {
  const known = new Map<OwnerSet, Map<number, OwnerSet>>();
  return (cell, second) => {
    const home = setAt(cell);
    if (second === undefined || second < 0) return home;
    let ofHome = known.get(home);
    if (!ofHome) known.set(home, (ofHome = new Map<number, OwnerSet>()));
    let set = ofHome.get(second);
    if (!set) ofHome.set(second, (set = combined(home, phase === "on" ? setAt(second) : home, second)));
    return set;
  };
}

function combined(home: OwnerSet, other: OwnerSet, second: number): OwnerSet {
  const here = ({ into }: Move) => !into || inRanges(selectorRanges(into), second);
  const more = (of: readonly number[], others: readonly number[]) => [...of, ...others.filter((node) => !of.includes(node))];
  const moves = home.moves.filter(here);
  return {
    ...home,
    owners: more(home.owners, other.owners),
    write: more(home.write, other.write),
    read: more(home.read, other.read),
    quiet: home.quiet || other.quiet,
    moves,
    paused: moves.filter(({ phase }) => phase === "paused"),
    share: 0,
    home,
  };
}
