import type { Weigh } from "../movement.ts";
import type { Placement, Segment } from "../segments.ts";
import type { RoutingTable } from "../table.ts";
import type { Amount, Balance, NodeLoad } from "./contract.ts";

/** What the points of a collection are worth, each counted once, and how they lie over the positions; evenly, unless something was counted. */
export interface LoadModel extends Amount {
  /** All operations that ask for points by place. */
  queriesPerSec?: number;
  pointsIn?: Weigh;
  /** As the points, unless given. */
  bytesIn?: Weigh;
  /** Without it, nothing is known of heat. */
  heatIn?: Weigh;
}

export interface Load extends Amount {
  /** Of all queries, [0, 1]: each is answered by one of the owners in turn. */
  heat: number;
}

export const dimensions = ["points", "bytes", "heat"] as const;
export type Dimension = (typeof dimensions)[number];

/** What each member of a placement bears. */
export function loadsOf(placement: Placement, model: LoadModel): Map<string, Load> {
  const loads = new Map(placement.members.map((id): [string, Load] => [id, { points: 0, bytes: 0, heat: 0 }]));
  const { pointsIn, bytesIn = pointsIn, heatIn } = model;
  for (const segment of placement.segments()) {
    const points = weighed(segment, pointsIn) * model.points;
    const bytes = weighed(segment, bytesIn) * model.bytes;
    const heat = heatIn ? heatIn(segment.lo, segment.hi) / segment.owners.length : 0;
    for (const id of segment.owners) {
      const load = loads.get(id)!;
      load.points += points;
      load.bytes += bytes;
      load.heat += heat;
    }
  }
  return loads;
}

function weighed({ lo, hi, share }: Segment, weigh: Weigh | undefined): number {
  return weigh ? weigh(lo, hi) : share;
}

/**
 * The loads as a report has them. Balance is judged by what each node should bear: `intended` weights, or capacities.
 * @param loads by node, in the order of the result; points that were measured need not be whole
 */
export function balanceOf(loads: ReadonlyMap<string, Load>, intended: (id: string) => number, queriesPerSec?: number): Balance {
  const total = [...loads.values()].reduce((sum, { points }) => sum + points, 0);
  const loadOf = ([id, { points, bytes, heat }]: [string, Load]): NodeLoad => ({
    id,
    share: total > 0 ? points / total : 0,
    points: Math.round(points),
    bytes: Math.round(bytes),
    ...(queriesPerSec === undefined ? {} : { queriesPerSec: heat * queriesPerSec }),
  });
  const nodes = [...loads].map(loadOf);
  return { nodes, ...spread([...loads].map(([id, { points }]) => ({ load: points, intended: intended(id) }))) };
}

/** What each member should bear, by a table's weights. */
export function weightIn({ nodes }: Pick<RoutingTable, "nodes">): (id: string) => number {
  return (id) => nodes[id]?.weight ?? 1;
}

/** Largest ÷ mean, and the standard deviation ÷ mean, of loads that should be as their intended weights are. */
export function spread(loads: readonly { load: number; intended: number }[]): Pick<Balance, "maxOverMean" | "deviation"> {
  const total = loads.reduce((sum, { load }) => sum + load, 0);
  const weight = loads.reduce((sum, { intended }) => sum + intended, 0);
  if (!(total > 0)) return { maxOverMean: 1, deviation: 0 };
  const relative = loads.map(({ load, intended }) => load / total / (intended / weight));
  const variance = relative.reduce((sum, value) => sum + (value - 1) ** 2, 0) / relative.length;
  return { maxOverMean: Math.max(...relative), deviation: Math.sqrt(variance) };
}
