import type { Range } from "../sharding/ranges.ts";
import type { Coordinate } from "../sharding/table.ts";
import type { Condition } from "../stores/contract.ts";

/** Ranges in one filter at most: what the stores answer quickly. */
const rangesPerFilter = 200;

/** Points whose field says that they are in these ranges of a coordinate. */
export interface PositionTerm {
  field: string;
  coordinate: Coordinate;
  ranges: readonly Range[];
}

/** One condition for ranges of a field's positions; cells are matched one by one. */
function rangeCondition({ field, coordinate, ranges }: PositionTerm): Condition {
  if (coordinate === "cell")
    return {
      key: field,
      match: { any: ranges.flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, index) => lo + index)) },
    };
  const should = ranges.map(([gte, lt]): Condition => ({ key: field, range: { gte, lt } }));
  return should.length === 1 ? should[0]! : { should };
}

/**
 * Conditions that together select exactly the points that fulfil every term, each point by one of them: terms of many ranges are cut, and
 * every piece of one goes with every piece of the others.
 * @returns with no terms, one without conditions
 */
export function filtersOf(terms: readonly PositionTerm[]): { conditions: Condition[]; ranges: Range[][] }[] {
  let filters: { conditions: Condition[]; ranges: Range[][] }[] = [{ conditions: [], ranges: [] }];
  for (const term of terms) {
    const pieces: Range[][] = [];
    for (const range of term.ranges.flatMap((one) => (term.coordinate === "cell" ? cellPieces(one) : [one]))) {
      const last = pieces.at(-1);
      if (last && last.length < rangesPerFilter && (term.coordinate !== "cell" || cellCount(last) < rangesPerFilter))
        last.push(range);
      else pieces.push([range]);
    }
    filters = filters.flatMap(({ conditions, ranges }) =>
      pieces.map((piece) => ({
        conditions: [...conditions, rangeCondition({ ...term, ranges: piece })],
        ranges: [...ranges, piece],
      })),
    );
  }
  return filters;
}

function cellCount(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [lo, hi]) => sum + hi - lo, 0);
}

function cellPieces([lo, hi]: Range): Range[] {
  const pieces: Range[] = [];
  for (let at = lo; at < hi; at += rangesPerFilter) pieces.push([at, Math.min(hi, at + rangesPerFilter)]);
  return pieces;
}
