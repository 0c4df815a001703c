import type { CollectionInfo } from "../stores/contract.ts";
import { usageError } from "../errors.ts";
import { collectionInfoOf, dropRoutedCollection, ensureRoutedCollection } from "./collections.ts";
import type { ClusterClient, WriteRecord } from "./contract.ts";
import type { RoutedDeps } from "./deps.ts";
import { fetchRouted } from "./fetch.ts";
import { nodeView } from "./node-view.ts";
import { QuietKeeper } from "./quiet.ts";
import { createScans } from "./scan.ts";
import { prepareRoutedSearch, searchRouted, type Reader, type RoutedSearch } from "./search.ts";
import type { View } from "./watch.ts";
import { noTable, Writer } from "./write.ts";

/** The client of a routed cluster: ROUTING.md, from the side of an application. */
export function routedClient(deps: RoutedDeps): ClusterClient {
  const { watch, nodes, state } = deps;
  const writer = new Writer(deps);
  const quiet = new QuietKeeper(deps);
  // Also while this client is idle: the one that marked a node may be dead.
  watch.onView = () => quiet.kick();
  const readers = new WeakMap<View, Reader>();

  const readerOf = (view: View): Reader => {
    let reader = readers.get(view);
    if (!reader) {
      const { nodeIds, table } = view.routing;
      reader = { nodes: nodeIds.map((id) => nodes.ofTable(id, table.nodes[id]!.url)), covers: new Map() };
      readers.set(view, reader);
    }
    return reader;
  };
  const scans = createScans({ ...deps, readerOf });

  /** Runs a read under one view, which is not confirmed away before it has ended. */
  const reading = async <T>(collection: string, read: (view: View) => Promise<T>): Promise<T> => {
    let view = watch.current(collection);
    if (view) watch.begin(view);
    else view = await watch.enter(collection);
    if (!view) throw noTable(collection);
    try {
      return await read(view);
    } finally {
      watch.end(view);
    }
  };

  const client: ClusterClient = {
    cluster: deps.cluster,
    ensureCollection: (name, spec) => ensureRoutedCollection(deps, name, spec),
    dropCollection: (name) => dropRoutedCollection(deps, name),
    collections: async () => (await state.tables()).map(({ collection }) => collection),
    async collectionInfo(name): Promise<CollectionInfo | undefined> {
      const table = await state.getTable(name);
      // A collection with a node down is described all the same.
      const countable = (view: View) => scans.count(view, undefined, { reachable: true });
      return table && collectionInfoOf(table, await reading(name, countable));
    },
    table: (collection) => state.getTable(collection),

    prepareSearch: (collection, vector, options) => prepareRoutedSearch(deps.face(collection), collection, vector, options, watch.peek(collection)?.routing.table),
    search: (search, options = {}) =>
      reading(search.collection, (view) => searchRouted(deps, view, readerOf(view), search as RoutedSearch, options)),
    fetch: (collection, keys, options = {}) =>
      keys.length === 0
        ? Promise.resolve([])
        : reading(collection, (view) => fetchRouted(deps, view, readerOf(view), keys, options)),
    count: (collection, filter, options = {}) => reading(collection, (view) => scans.count(view, filter, options)),
    scroll: (collection, options) => scans.scroll(collection, options),

    async upsert(collection, records, options = {}) {
      const view = watch.current(collection) ?? (await watch.live(collection));
      if (!view) throw noTable(collection);
      requireSize(view, records);
      return await writer.write(
        collection,
        records.map((record) => ({ key: record.key, record })),
        options,
      );
    },
    async delete(collection, keys, options = {}) {
      return await writer.write(
        collection,
        keys.map((key) => ({ key })),
        options,
      );
    },

    onNode: (node) => nodeView(deps, nodes.get(node), (collection) => watch.peek(collection)?.routing.table),
    nodeStates: () => nodes.balance(),
    async close() {
      quiet.close();
      await writer.close();
      await nodes.close();
      await watch.close();
    },
  };
  return client;
}

function requireSize({ collection, routing }: View, records: readonly WriteRecord[]): void {
  const { size } = routing.table.vector;
  const problems = records.flatMap(({ key, vector }) =>
    vector.length === size
      ? []
      : [{ path: key, message: `its vector has ${vector.length} dimensions; those of ${collection} have ${size}` }],
  );
  if (problems.length > 0) throw usageError(problems, { code: "dimension-mismatch" });
}
