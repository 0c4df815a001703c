import type { Layout } from "./contract.ts";
import { balanceLayout, pressuresOf, type Balanced, type BalanceGoal } from "./balance.ts";
import { isGradual, membersOfLayout, placementOfLayout } from "./layout.ts";
import type { LoadModel } from "./loads.ts";
import { defaultTolerance, placeCells, type CellPlacing } from "./place-cells.ts";

export interface CellsRequest {
  model: LoadModel;
  /** Absent: cells move only where nodes come, go, or change their weights. */
  balance?: BalanceGoal["by"] | undefined;
  goal: Omit<BalanceGoal, "by">;
  /** Members that must not be written to. */
  unfit: (id: string) => boolean;
}

/**
 * A layout of cells after a change: who owns each is said by the layout, by what the cells hold, whoever said so before. Others, and
 * those of which nothing changes, stay as they are.
 */
export function placedLayout(before: Layout, target: Layout, request: CellsRequest): { layout: Layout; balanced?: Balanced } {
  const { balance, goal, model } = request;
  if (target.partitioner.kind !== "semantic") {
    const balanced = balance && balanceLayout(target, model, { ...goal, by: balance });
    return balanced ? { layout: balanced.layout, balanced } : { layout: target };
  }
  const weightsOf = ({ members, nodes }: Layout) => JSON.stringify(members.map((id) => [id, nodes[id]!.weight, nodes[id]!.zone]));
  if (!balance && isGradual(before, target) && weightsOf(before) === weightsOf(target)) return { layout: target };
  const owners = placeCells(placingOf(before, target, request));
  const layout: Layout = { ...target, partitioner: { ...target.partitioner, owners } };
  if (!balance) return { layout };
  const reached = Math.max(...pressuresOf(layout, model, { ...goal, by: balance }).values()) <= 1 + 1e-9;
  return { layout, balanced: { layout, iterations: 1, reached } };
}

function placingOf(before: Layout, target: Layout, { model, balance, goal, unfit }: CellsRequest): CellPlacing {
  const placement = placementOfLayout(before);
  const cells = Array.from({ length: placement.space }, (_, cell) => cell);
  const { pointsIn, heatIn } = model;
  const sizes = cells.map((cell) => pointsIn?.(cell, cell + 1) ?? 1);
  const heat = heatIn && balance !== "points" && balance !== "bytes" ? cells.map((cell) => heatIn(cell, cell + 1)) : undefined;
  return {
    members: membersOfLayout(target).map(({ id, zone }) =>
      zone === undefined ? { id, weight: goal.intended(id) } : { id, weight: goal.intended(id), zone },
    ),
    replicas: target.replicas,
    hash: target.partitioner.kind === "semantic" ? target.partitioner.hash : "xxh32",
    sizes: balance === "heat" && heat ? heat : sizes,
    ...(heat && { heat }),
    now: cells.map((cell) => placement.ownersOfHash(cell)),
    closed: new Set(target.members.filter(unfit)),
    tolerance: balance ? goal.limit - 1 : Math.min(defaultTolerance, goal.limit - 1),
  };
}
