import type { Layout } from "./contract.ts";
import { placementOfLayout, weightStep } from "./layout.ts";
import { dimensions, loadsOf, type Dimension, type Load, type LoadModel } from "./loads.ts";

/** What a node can take at most; what is absent has no limit. */
export interface Capacity {
  points?: number;
  bytes?: number;
  queriesPerSec?: number;
}

export interface BalanceGoal {
  by: Dimension | "all";
  /** The largest load ÷ the mean, by intended weights. */
  limit: number;
  /** What each node should bear relative to the others. */
  intended: (id: string) => number;
  capacities: ReadonlyMap<string, Capacity>;
}

export interface Balanced {
  layout: Layout;
  iterations: number;
  /** Whether the limit holds, and no capacity is exceeded. */
  reached: boolean;
}

const maxIterations = 64;
/** Aim a little below the limit, so that the rounding of weights to virtual nodes does not go over it. */
const margin = 0.99;

/**
 * Adjusts the weights of a layout's members until no node bears more than `limit` × what it should. Deterministic. First only those that
 * bear too much give some away, which moves least; where that does not do, all weights are drawn towards even.
 */
export function balanceLayout(layout: Layout, model: LoadModel, goal: BalanceGoal): Balanced {
  const step = weightStep(layout);
  let current = layout;
  let best = { layout, worst: Infinity };
  for (let iteration = 0; ; iteration++) {
    const pressures = pressuresOf(current, model, goal);
    const worst = Math.max(...pressures.values());
    if (worst < best.worst) best = { layout: current, worst };
    if (worst <= 1 || iteration === maxIterations)
      return { layout: best.layout, iterations: iteration, reached: best.worst <= 1 };
    const gentle = iteration < maxIterations / 2;
    const nodes: Layout["nodes"] = {};
    for (const id of current.members) {
      const node = current.nodes[id]!;
      const pressure = pressures.get(id)! / margin;
      const factor = pressure > 1 || !gentle ? 1 / Math.max(pressure, 0.25) ** (gentle ? 1 : 0.5) : 1;
      const weight = Math.max(step, Math.round((node.weight * factor) / step) * step);
      nodes[id] = { ...node, weight: Number(weight.toFixed(9)) };
    }
    // Where rounding swallows the change, the heaviest gives one virtual node.
    if (current.members.every((id) => nodes[id]!.weight === current.nodes[id]!.weight)) {
      const heaviest = current.members.reduce((a, b) => (pressures.get(b)! > pressures.get(a)! ? b : a));
      const weight = nodes[heaviest]!.weight - step;
      if (weight < step) return { layout: best.layout, iterations: iteration, reached: best.worst <= 1 };
      nodes[heaviest]!.weight = Number(weight.toFixed(9));
    }
    current = { ...layout, nodes };
  }
}

/** For each member, its load ÷ the most that it may bear; the worst of the dimensions that count. */
export function pressuresOf(layout: Layout, model: LoadModel, goal: BalanceGoal): Map<string, number> {
  const loads = loadsOf(placementOfLayout(layout), model);
  const pressures = new Map(layout.members.map((id) => [id, 0]));
  const weight = layout.members.reduce((sum, id) => sum + goal.intended(id), 0);
  for (const dimension of dimensions) {
    const total = [...loads.values()].reduce((sum, load) => sum + load[dimension], 0);
    if (total === 0) continue;
    for (const [id, load] of loads) {
      const allowed = goal.limit * total * (goal.intended(id) / weight);
      if (goal.by === "all" || goal.by === dimension) pressures.set(id, Math.max(pressures.get(id)!, load[dimension] / allowed));
      const filled = fillOf(load, dimension, goal.capacities.get(id), model);
      // A capacity counts, whatever the balance is by.
      if (filled !== undefined) pressures.set(id, Math.max(pressures.get(id)!, filled));
    }
  }
  return pressures;
}

/** Load ÷ capacity; undefined where there is no capacity. */
export function fillOf(load: Load, dimension: Dimension, capacity: Capacity | undefined, model: LoadModel): number | undefined {
  const most = dimension === "heat" ? capacity?.queriesPerSec : capacity?.[dimension];
  if (most === undefined) return undefined;
  if (dimension === "heat") return model.queriesPerSec === undefined ? undefined : (load.heat * model.queriesPerSec) / most;
  return load[dimension] / most;
}
