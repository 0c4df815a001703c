import { ExitCode, RagctlError, usageError, type Problem } from "../../errors.ts";
import { positionFieldOf, type PartitionerSpec, type RoutingTable } from "../table.ts";
import type { Amount, ExpectedSearch } from "./contract.ts";
import type { MaxRate } from "./price.ts";

export interface TransitionRequest {
  planId: string;
  /** ISO 8601. */
  createdAt: string;
  cluster: string;
  /** As it is now; a plan is made for its partitioner, members, weights and replicas. */
  table: RoutingTable;
  /** Members that do not answer: nothing is planned while there are any. */
  unreachable?: ReadonlySet<string>;
  /** `semanticSpec(…)` of a model, or a ring (its hash must be that of the present partitioner). */
  to: PartitionerSpec;
  /** All points, each counted once. */
  load: Amount;
  /** Points of each new cell, of any unit; even unless given. Only where `to` is semantic. */
  newCells?: readonly number[];
  /** How often each new cell is asked for: from hashes the hottest moves first. Unless given, the largest first. */
  heat?: readonly number[];
  /**
   * From one model to another: points by old and new cell, of any unit, and how many of those are near a boundary of the new cells: groups of
   * which most are move first. Unless given, the two are taken to be independent.
   */
  pairs?: readonly { from: number; to: number; points: number; near?: number }[];
  maxRate: MaxRate;
  /** What `rebalance simulate` found; printed, and kept in the plan. */
  expected?: ExpectedSearch;
}

/** @throws RagctlError exit 2 with every reason why the collection cannot have that partitioner */
export function requireFit({ table, to, newCells, heat }: TransitionRequest): void {
  const { partitioner, vector } = table;
  const problems: Problem[] = [];
  if (to.hash !== partitioner.hash)
    problems.push({ message: `the collection hashes keys with ${partitioner.hash}, the new partitioner with ${to.hash}` });
  if (to.kind === "range" || partitioner.kind === "range")
    problems.push({ message: "ranges place by integer keys, which no other partitioner reads; ingest anew" });
  if (to.kind === "semantic") {
    const wrong = to.centroids.find((row) => row.length !== vector.size);
    if (wrong)
      problems.push({ message: `the model has ${wrong.length} dimensions; vectors of ${table.collection} have ${vector.size}` });
    const cells = to.centroids.length;
    for (const [name, list] of [["points", newCells] as const, ["heat", heat] as const])
      if (list && list.length !== cells) problems.push({ message: `${name} of ${list.length} cells, for a model of ${cells}` });
    if (
      partitioner.kind === "semantic" &&
      partitioner.modelId !== to.modelId &&
      positionFieldOf(partitioner) === positionFieldOf(to)
    )
      problems.push({ message: `both models would use the field ${positionFieldOf(to)}: one field a model` });
  }
  if (problems.length > 0) throw usageError(problems, { code: "partitioner-unfit" });
}

/** @throws RagctlError exit 7 where something is under way, or a node is not in order */
export function requireQuiet({ table, unreachable }: Pick<TransitionRequest, "table" | "unreachable">): void {
  const refuse = (message: string, code: string, hint: string) =>
    new RagctlError(message, { code, exitCode: ExitCode.refused, hint });
  if (table.transition)
    throw refuse(
      `A change of partitioner is half applied to ${table.collection}.`,
      "plan-in-flight",
      "Finish it with ragctl rebalance apply --resume, or undo it with ragctl rebalance reverse.",
    );
  const open = table.moves.find((move) => !move.repair);
  if (open)
    throw refuse(
      `Move ${open.id} is in the table of ${table.collection}.`,
      "plan-in-flight",
      "Finish that plan first: ragctl shard apply --resume.",
    );
  const ill = Object.entries(table.nodes).filter(
    ([id, { state }]) => state === "stale" || state === "leaving" || unreachable?.has(id),
  );
  if (ill.length > 0)
    throw refuse(
      `${ill.map(([id, { state }]) => `${id} ${unreachable?.has(id) ? "does not answer" : `is ${state}`}`).join(", ")}: all nodes must serve first.`,
      "node-unfit",
      "ragctl shard repair brings stale nodes back; ragctl shard apply finishes what is under way.",
    );
}

/** @throws RagctlError exit 7 where a second layout is being built, or the one before has not been dropped yet */
export function requireNoLayout({ collection, beside }: Pick<RoutingTable, "collection" | "beside">): void {
  if (!beside) return;
  const what = beside.state === "building" ? "is being built beside" : "has not been dropped since the switch of";
  throw new RagctlError(`${beside.physical} ${what} collection ${collection}, by plan ${beside.planId}.`, {
    code: "plan-in-flight",
    exitCode: ExitCode.refused,
    hint: "Finish that plan with ragctl rebalance apply --resume, or undo it with ragctl rebalance reverse.",
  });
}

/** @throws RagctlError exit 7 where copies are kept near boundaries: they do not move with their points */
export function requireNoCopies({ collection, spill }: Pick<RoutingTable, "collection" | "spill">): void {
  if (!spill) return;
  throw new RagctlError(`Collection ${collection} keeps copies near boundaries, which do not move with their points.`, {
    code: "spill-in-the-way",
    exitCode: ExitCode.refused,
    hint: "ragctl rebalance plan --spill off makes a plan to end that; --spill 10% brings them back afterwards.",
  });
}
