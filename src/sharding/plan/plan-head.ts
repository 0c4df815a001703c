import type { RoutingTable } from "../table.ts";
import type { Plan } from "./contract.ts";
import { fingerprintOfTable } from "./fingerprint.ts";

/** What every plan of a rebalancing of a routed collection begins with. @param table as it is now */
export function rebalanceHead(
  { planId, createdAt, cluster }: Pick<Plan, "planId" | "createdAt" | "cluster">,
  table: RoutingTable,
): Pick<
  Plan,
  "schemaVersion" | "kind" | "planId" | "createdAt" | "cluster" | "topology" | "collection" | "offline" | "fingerprint"
> {
  return {
    schemaVersion: 1,
    kind: "rebalance",
    planId,
    createdAt,
    cluster,
    topology: "routed",
    collection: table.collection,
    offline: false,
    fingerprint: fingerprintOfTable(table),
  };
}
