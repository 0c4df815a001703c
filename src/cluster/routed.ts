import type { CollectionInfo, SearchOptions, Vector } from "../stores/contract.ts";
import { usageError } from "../errors.ts";
import { physicalOf } from "../sharding/table.ts";
import { AliasKeeper } from "./alias-keeper.ts";
import { aliasIsNoCollection, namesIn, targetOf } from "./aliases.ts";
import { collectionInfoOf, dropRoutedCollection, ensureRoutedCollection } from "./collections.ts";
import type { ClusterClient, PreparedSearch, WriteRecord } from "./contract.ts";
import type { RoutedDeps } from "./deps.ts";
import { fetchRouted } from "./fetch.ts";
import { nodeView } from "./node-view.ts";
import { QuietKeeper } from "./quiet.ts";
import { createScans } from "./scan.ts";
import { searchRouted } from "./search.ts";
import type { Reader } from "./search-cover.ts";
import { prepareRoutedSearch, type RoutedSearch } from "./search-request.ts";
import type { View } from "./watch.ts";
import { noTable, Writer } from "./write.ts";

/** A search by a name that may be an alias: prepared for what it stood for when it was last asked. */
interface NamedSearch extends PreparedSearch {
  current: RoutedSearch;
}

/** The client of a routed cluster: ROUTING.md, from the side of an application. */
export function routedClient(deps: RoutedDeps): ClusterClient {
  const { watch, nodes, state } = deps;
  const writer = new Writer(deps);
  const quiet = new QuietKeeper(deps);
  // Also while this client is idle: the one that marked a node may be dead.
  watch.onView = () => quiet.kick();
  const aliases = new AliasKeeper(deps);
  watch.onSwitch = (record) => aliases.kick(record);
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

  /** Asks again where the renewal that it waited for says that the name stands for something else. */
  const following = async <T>(name: string, ask: (collection: string) => Promise<T>, drop?: (answer: T) => void): Promise<T> => {
    for (;;) {
      const collection = watch.known(name);
      const answer = await ask(collection);
      if (watch.known(name) === collection) return answer;
      drop?.(answer);
    }
  };
  const live = (name: string) => following(name, (collection) => watch.live(collection));
  const enter = (name: string) =>
    following(
      name,
      (collection) => watch.enter(collection),
      (view) => view && watch.end(view),
    );

  /** The collection that a name stands for, its table looked at where that can be: it says what the nodes call it. */
  const located = async (name: string): Promise<string> => {
    await live(name).catch(() => undefined);
    return watch.known(name);
  };

  /** Runs a read under one view, which is not confirmed away before it has ended. */
  const reading = async <T>(name: string, read: (view: View) => Promise<T>): Promise<T> => {
    let view = watch.current(watch.known(name));
    if (view) watch.begin(view);
    else view = await enter(name);
    if (!view) throw noTable(name);
    try {
      return await read(view);
    } finally {
      watch.end(view);
    }
  };

  const prepared = (collection: string, vector: Vector, options: SearchOptions, view = watch.peek(collection)) =>
    prepareRoutedSearch(deps.face, collection, vector, options, view?.routing.table);

  const client: ClusterClient = {
    cluster: deps.cluster,
    ensureCollection: async (name, spec) => ensureRoutedCollection(deps, await targetOf(state, name), spec),
    async dropCollection(name) {
      if ((await targetOf(state, name)) !== name) throw aliasIsNoCollection(name);
      await dropRoutedCollection(deps, name);
    },
    collections: async () => namesIn(await state.tables(), await state.aliases()),
    async collectionInfo(name): Promise<CollectionInfo | undefined> {
      const table = await state.getTable(await targetOf(state, name));
      // A collection with a node down is described all the same.
      const countable = (view: View) => scans.count(view, undefined, { reachable: true });
      return table && collectionInfoOf(table, await reading(name, countable));
    },
    table: async (collection) => state.getTable(await targetOf(state, collection)),

    prepareSearch(name, vector, options): NamedSearch {
      return { collection: name, options, current: prepared(watch.known(name), vector, options) };
    },
    search(search, options = {}) {
      const named = search as NamedSearch;
      return reading(named.collection, (view) => {
        const { current } = named;
        // The name has come to stand for something else since, here or on the nodes.
        if (current.collection !== view.collection || current.physical !== physicalOf(view.routing.table))
          named.current = prepared(view.collection, current.vector, current.options, view);
        return searchRouted(deps, view, readerOf(view), named.current, options);
      });
    },
    fetch: (collection, keys, options = {}) =>
      keys.length === 0
        ? Promise.resolve([])
        : reading(collection, (view) => fetchRouted(deps, view, readerOf(view), keys, options)),
    count: (collection, filter, options = {}) => reading(collection, (view) => scans.count(view, filter, options)),
    async *scroll(name, options) {
      const view = await live(name);
      yield* scans.scroll(view?.collection ?? name, options);
    },

    async upsert(name, records, options = {}) {
      const view = watch.current(watch.known(name)) ?? (await live(name));
      if (!view) throw noTable(name);
      requireSize(view, records);
      return await writer.write(
        view.collection,
        records.map((record) => ({ key: record.key, record })),
        options,
      );
    },
    async delete(name, keys, options = {}) {
      const view = watch.current(watch.known(name)) ?? (await live(name));
      if (!view) throw noTable(name);
      return await writer.write(
        view.collection,
        keys.map((key) => ({ key })),
        options,
      );
    },

    onNode(node) {
      const view = nodeView(deps, nodes.get(node), (collection) => watch.peek(collection)?.routing.table);
      return {
        health: (options) => view.health(options),
        count: async (name, filter, options) => view.count(await located(name), filter, options),
        fetch: async (name, ids, options) => view.fetch(await located(name), ids, options),
      };
    },
    nodeStates: () => nodes.balance(),
    async close() {
      quiet.close();
      await writer.close();
      await aliases.close();
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
