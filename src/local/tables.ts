import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { localName } from "../config/find.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { RoutingTable, TableNode } from "../sharding/table.ts";
import { openStateStore, sqliteStatePath, type StateStore } from "../state/index.ts";
import type { Layout } from "./layout.ts";

export type NewNode = Omit<TableNode, "state" | "quiet">;

/** What `up` needs of the cluster's routing tables. */
export interface LocalTables {
  /** Names of the collections that have a table. */
  collections(): Promise<string[]>;
  /**
   * Adds nodes as `joining`, owning nothing, to every table that lacks them.
   * @returns what changed: empty where every table has them
   */
  register(nodes: Readonly<Record<string, NewNode>>): Promise<Registered>;
}

export interface Registered {
  nodes: string[];
  collections: string[];
}

const attempts = 20;

/** The tables of the cluster in this directory, from its SQLite state file; none where there is no such file yet. */
export function localTables(layout: Layout, clock: Clock): LocalTables {
  const location = { clusterName: localName, baseDir: dirname(layout.dir) };
  const withStore = async <T>(absent: T, work: (store: StateStore) => Promise<T>): Promise<T> => {
    if (!existsSync(sqliteStatePath(undefined, location))) return absent;
    const store = await openStateStore({ driver: "sqlite" }, { ...location, clock });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  };
  const names = async (store: StateStore) => (await store.tables()).map(({ collection }) => collection);
  return {
    collections: () => withStore([], names),
    register: (nodes) =>
      withStore<Registered>({ nodes: [], collections: [] }, async (store) => {
        const added = new Set<string>();
        const collections: string[] = [];
        for (const name of await names(store)) {
          const ids = await registerIn(store, name, nodes);
          if (ids.length > 0) collections.push(name);
          for (const id of ids) added.add(id);
        }
        return { nodes: [...added], collections };
      }),
  };
}

async function registerIn(store: StateStore, collection: string, nodes: Readonly<Record<string, NewNode>>): Promise<string[]> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const table = await store.getTable(collection);
    const next = table && withJoining(table, nodes);
    if (!next) return [];
    if (await store.compareAndSet(next)) return Object.keys(next.nodes).filter((id) => !Object.hasOwn(table.nodes, id));
  }
  throw new RagctlError(`the routing table of ${collection} changed ${attempts} times while nodes were to be registered in it`, {
    code: "table-contended",
    exitCode: ExitCode.refused,
    hint: "ragctl up again once the plan that is being applied has ended",
  });
}

/** Pure. Undefined where the table has all of them already. */
export function withJoining(table: RoutingTable, nodes: Readonly<Record<string, NewNode>>): RoutingTable | undefined {
  const missing = Object.entries(nodes).filter(([id]) => !Object.hasOwn(table.nodes, id));
  if (missing.length === 0) return undefined;
  const joining = Object.fromEntries(missing.map(([id, node]) => [id, { ...node, state: "joining" as const }]));
  return { ...table, epoch: table.epoch + 1, nodes: { ...table.nodes, ...joining } };
}
