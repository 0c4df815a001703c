import type { BuildStep } from "../../sharding/plan/contract.ts";
import type { RoutingTable } from "../../sharding/table.ts";
import type { DataFace } from "../../stores/contract.ts";

/** Second collections on the nodes of a cluster. */
export interface Layouts {
  /** Requests to it, by its name on the nodes. */
  face(physical: string): DataFace;
  /** @throws RagctlError exit 7 where a copy would leave something of the points behind */
  requireCopyable(table: RoutingTable): Promise<void>;
  /** Makes it on a node, like the one that serves there, and indexed for the new partitioner; harmless where it is there. */
  create(id: string, table: RoutingTable, step: Pick<BuildStep, "physical" | "partitioner">): Promise<void>;
  /** Takes it away from a node; names that stand for the collection mean the one that serves from then on. Harmless where it is gone. */
  drop(id: string, table: RoutingTable, physical: string): Promise<void>;
}
