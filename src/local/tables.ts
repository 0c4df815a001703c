import type { TableNode } from "../sharding/table.ts";

/** What `up` needs of the cluster's routing tables; the state store stands behind it. */
export interface LocalTables {
  /** Names of the collections that have a table. */
  collections(): Promise<string[]>;
  /**
   * Adds nodes as `joining`, owning nothing, to every table that lacks them.
   * @returns the collections whose table changed
   */
  register(nodes: Record<string, Omit<TableNode, "state">>): Promise<string[]>;
}
