import type { PartitionerSpec, RoutingTable } from "../table.ts";
import type { Amount, ExpectedSearch, Plan } from "./contract.ts";
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
  /** How often each new cell is asked for: the hottest moves first. Unless given, the largest first. */
  heat?: readonly number[];
  /** From one model to another: points by old and new cell, of any unit. Unless given, the two are taken to be independent. */
  pairs?: readonly { from: number; to: number; points: number }[];
  maxRate: MaxRate;
  /** What `rebalance simulate` found; printed, and kept in the plan. */
  expected?: ExpectedSearch;
}

/**
 * The plan of a change of partitioner, from numbers alone: hash to semantic, model to model (a split of one cell is one), or back to a
 * ring. `loadHashes()` must have been awaited.
 * @returns without steps where the table has that partitioner already
 * @throws RagctlError exit 2 for a partitioner that the collection cannot have (another dimension or hash, keys of ranges), 7 where a node is
 * stale or does not answer, moves are in flight, or another change of partitioner is under way
 */
export function planTransition(request: TransitionRequest): Plan {
  throw new Error(`not yet: ${request.planId}`);
}
