import { ExitCode, RagctlError } from "../../errors.ts";
import type { PreparedRequest } from "../../http/contract.ts";
import { hash32 } from "../../sharding/hash.ts";
import { cellKey, cellKeys } from "../../sharding/native-table.ts";
import { pointIdOf } from "../../sharding/point-id.ts";
import { physicalOf, type RoutingTable } from "../../sharding/table.ts";
import { allTables, type StateStore } from "../../state/contract.ts";
import { requireFit } from "../../stores/collection-fit.ts";
import type { CollectionInfo, PointId, SearchOptions, Vector } from "../../stores/contract.ts";
import type { ClusterClient, NodeOutcome, PreparedSearch, StoredRecord } from "../contract.ts";
import type { ClusterDeps } from "../deps.ts";
import { mergeHits } from "../merge.ts";
import { nodeView } from "../node-view.ts";
import { recordOf, withStampFields } from "../records.ts";
import type { View } from "../watch.ts";
import { nativeSend } from "./send.ts";
import type { NativeTables } from "./tables.ts";
import { NativeViews } from "./views.ts";
import { NativeWriter } from "./write.ts";

interface NativeSearch extends PreparedSearch {
  readonly vector: Vector;
  /** The bytes, for the table that they were made for. */
  made: { for: RoutingTable | undefined; request: PreparedRequest };
}

export interface NativeDeps extends ClusterDeps {
  readonly tables: NativeTables;
  readonly clientId: string;
}

/**
 * The client of a cluster whose store shards by itself: every node can answer everything, so one is asked, and reads move on when it fails. Where a
 * collection's cells are its shard keys, searches name those that they probe.
 */
export function nativeClient(deps: NativeDeps): ClusterClient {
  const { nodes, face, tables } = deps;
  const hashOf = hash32(deps.cluster.routing.hash === "md5-128" ? "md5-32" : deps.cluster.routing.hash);
  const sender = nativeSend(deps);
  const read: typeof sender.read = (...asked) => sender.read(...asked);
  const control: typeof sender.control = (ask) => sender.control(ask);
  const views = new NativeViews(tables, deps.clock);
  const writer = new NativeWriter({ ...deps, sender, views, hashOf, idOf: pointIdOf });
  const vectorName = deps.cluster.store.vector;

  const faceOf = (collection: string, view: View | undefined) => face(view ? physicalOf(view.routing.table) : collection);
  /** Where the state store does not answer, the store knows the collection by its name. */
  const lookedUp = async <T>(look: (state: StateStore) => Promise<T>): Promise<T | undefined> => {
    if (tables.failure) return undefined;
    try {
      const opened = await tables.get();
      return opened && (await look(opened.state));
    } catch (error) {
      if (error instanceof RagctlError && (error.exitCode === ExitCode.unreachable || tables.failure)) return undefined;
      throw error;
    }
  };
  const tableOf = async (collection: string) => {
    const table = await lookedUp((state) => state.getTable(collection));
    return table?.native ? table : undefined;
  };
  /** What the store calls it. */
  const physicalName = async (collection: string) => physicalOf((await tableOf(collection)) ?? { collection });

  const prepare = (collection: string, vector: Vector, options: SearchOptions, view: View | undefined): NativeSearch["made"] => {
    const asked = view ? { ...options, withPayload: withStampFields(options.withPayload, view.routing.table) } : options;
    const shardKeys = view && !options.exact ? probedKeys(view, vector) : undefined;
    const request = faceOf(collection, view).prepareSearch(vector, shardKeys ? { ...asked, shardKeys } : asked);
    return { for: view?.routing.table, request };
  };

  const client: ClusterClient = {
    cluster: deps.cluster,
    async ensureCollection(name, spec) {
      const physical = await physicalName(name);
      const there = await control((node) => node.control.collectionInfo(physical, vectorName));
      const indexMissing = async (known: CollectionInfo | undefined) => {
        for (const { field, type } of spec.payloadIndexes ?? [])
          if (!known?.indexedPayloadFields.includes(field))
            await control((node) => node.control.createPayloadIndex(physical, field, type));
      };
      if (!there) {
        if (physical !== name) throw lostCollection(name, physical);
        // Where the state store did not answer: one that is there by another name alone must not be made beside it.
        const table = await (await tables.get())?.state.getTable(name);
        if (table?.physical !== undefined) throw lostCollection(name, table.physical);
        await control((node) => node.control.createCollection(name, spec));
        await indexMissing(undefined);
        return { created: true };
      }
      requireFit(name, "", there, spec);
      await indexMissing(there);
      return { created: false };
    },
    async dropCollection(name) {
      const opened = await tables.get();
      const gone = new Set([name, ...(opened ? await dropTable(opened.state, name) : [])]);
      for (const physical of gone) await control((node) => node.control.deleteCollection(physical));
    },
    async collections() {
      const names = new Set(await control((node) => node.control.listCollections()));
      for (const table of (await lookedUp(allTables)) ?? []) {
        if (!table.native || !names.has(physicalOf(table))) continue;
        for (const physical of physicalNames(table)) names.delete(physical);
        names.add(table.collection);
      }
      return [...names].toSorted();
    },
    async collectionInfo(name) {
      const physical = await physicalName(name);
      return await control((node) => node.control.collectionInfo(physical, vectorName));
    },
    table: () => Promise.resolve(undefined),
    cellTable: tableOf,

    prepareSearch(collection: string, vector: Vector, options: SearchOptions): NativeSearch {
      return { collection, options, vector, made: prepare(collection, vector, options, views.peek(collection)) };
    },
    async search(search, options = {}) {
      const asked = search as NativeSearch;
      const { collection, vector } = asked;
      return await views.reading(collection, async (view) => {
        const table = view?.routing.table;
        if (asked.made.for !== table) asked.made = prepare(collection, vector, asked.options, view);
        const data = faceOf(collection, view);
        const requests: NodeOutcome[] = [];
        const hits = await read(data, asked.made.request, options, (body) => data.parseSearch(body), requests);
        if (!table) return { hits, requests };
        const { k } = asked.options;
        const everywhere = { node: 0, hits, k };
        const merged = mergeHits(
          [everywhere],
          k,
          table.vector.distance,
          () => undefined,
          () => true,
        );
        return { hits: merged.hits, requests };
      });
    },
    async fetch(collection, keys, options = {}) {
      return await views.reading(collection, async (view) => {
        const data = faceOf(collection, view);
        const request = data.prepareFetch([...new Set(keys.map(pointIdOf))], {
          withPayload: options.withPayload ? withStampFields([...options.withPayload], view?.routing.table) : true,
          withVector: options.withVector ?? false,
        });
        return newest((await read(data, request, options, (body) => data.parseFetch(body))).map(recordOf));
      });
    },
    async count(collection, filter, options = {}) {
      return await views.reading(collection, async (view) => {
        const data = faceOf(collection, view);
        return await read(data, data.prepareCount(filter), options, (body) => data.parseCount(body));
      });
    },
    async *scroll(collection, options) {
      const { filter, pageSize = 256, withVector = false, withPayload = true } = options;
      let offset: PointId | undefined;
      do {
        // A view ends with its page: a slow consumer must not keep an old epoch alive. Pages ascend by id, whatever collection has them.
        const page = await views.reading(collection, async (view) => {
          const data = faceOf(collection, view);
          const request = data.prepareScroll({
            limit: pageSize,
            withVector,
            withPayload: withStampFields(withPayload, view?.routing.table),
            ...(filter ? { filter } : {}),
            ...(offset === undefined ? {} : { offset }),
          });
          return await read(data, request, options, (body) => data.parseScroll(body));
        });
        if (page.points.length > 0) yield newest(page.points.map(recordOf));
        offset = page.next;
      } while (offset !== undefined);
    },

    upsert: (collection, records, options = {}) =>
      writer.write(
        collection,
        records.map((record) => ({ key: record.key, record })),
        options,
      ),
    delete: (collection, keys, options = {}) =>
      writer.write(
        collection,
        keys.map((key) => ({ key })),
        options,
      ),

    onNode(node) {
      const view = nodeView(deps, nodes.get(node));
      const named = (collection: string) => {
        const known = views.peek(collection);
        return known ? physicalOf(known.routing.table) : collection;
      };
      return {
        health: (options) => view.health(options),
        count: (collection, filter, options) => view.count(named(collection), filter, options),
        fetch: (collection, ids, options) => view.fetch(named(collection), ids, options),
      };
    },
    nodeStates: () => nodes.balance(),
    async close() {
      await writer.close();
      await nodes.close();
      await views.close();
    },
  };
  return client;
}

/** All that the store has of a collection. */
function physicalNames(table: RoutingTable): string[] {
  const { copy, left } = table.native ?? {};
  return [physicalOf(table), copy?.physical, left].filter((name) => name !== undefined);
}

/** Drops the table of a collection first, so that clients stop. @returns what the store has of it */
async function dropTable(state: StateStore, name: string): Promise<string[]> {
  for (;;) {
    const table = await state.getTable(name);
    if (!table?.native) return [];
    if (await state.dropTable(name, table.epoch)) return physicalNames(table);
  }
}

/** The keys of the cells that a search asks; undefined: all of them. */
function probedKeys({ routing }: View, vector: Vector): string[] | undefined {
  const { partitioner } = routing.table;
  if (partitioner.kind !== "semantic" || partitioner.probes === undefined) return undefined;
  if (partitioner.probes >= cellKeys(partitioner)!.length) return undefined;
  return routing.stamper.cellsOf(vector, partitioner.probes).map(cellKey);
}

/** Each id once: of what a writer that died has left under two keys, the newer counts. */
function newest(records: readonly StoredRecord[]): StoredRecord[] {
  const best = new Map<PointId, StoredRecord>();
  for (const record of records) {
    const known = best.get(record.id);
    if (!known || (record.version ?? 0) > (known.version ?? 0)) best.set(record.id, record);
  }
  return [...best.values()];
}

function lostCollection(name: string, physical: string): RagctlError {
  return new RagctlError(`Collection ${name} is ${physical} in the store, and is not there.`, {
    code: "data-lost",
    exitCode: ExitCode.refused,
    hint: `Restore it from a snapshot; or drop ${name} and ingest it again.`,
  });
}
