import { ExitCode, RagctlError } from "../errors.ts";
import type { PreparedRequest } from "../http/contract.ts";
import { hash32 } from "../sharding/hash.ts";
import { stampPayload } from "../sharding/keys.ts";
import { pointIdOf } from "../sharding/point-id.ts";
import { requireFit } from "../stores/collection-fit.ts";
import type { CollectionInfo, DataFace, Point, PointId, SearchOptions, Vector } from "../stores/contract.ts";
import type { CallOptions, ClusterClient, NodeOutcome, PreparedSearch, WriteResult } from "./contract.ts";
import type { ClusterDeps } from "./deps.ts";
import { nodeView } from "./node-view.ts";
import { statusOf, type ClusterNode, type NodeFailure } from "./node.ts";
import { recordOf, withStampFields } from "./records.ts";
import { rank } from "./rank.ts";

interface NativeSearch extends PreparedSearch {
  readonly request: PreparedRequest;
  readonly face: DataFace;
}

const firstAttempt = 0.4;

/** The client of a cluster whose store shards by itself: every node can answer everything, so one is asked, and reads move on when it fails. */
export function nativeClient(deps: ClusterDeps): ClusterClient {
  const { nodes, face } = deps;
  const hashOf = hash32(deps.cluster.routing.hash === "md5-128" ? "md5-32" : deps.cluster.routing.hash);

  /** Nodes to ask, the best first; those with an open breaker only where there are no others. */
  const order = (): ClusterNode[] => {
    const unavailable: number[] = [];
    const all = nodes.all;
    const bestFirst = rank(deps, all, unavailable).reverse();
    return [...bestFirst.filter((index) => !unavailable.includes(index)), ...unavailable].map((index) => all[index]!);
  };

  async function read<T>(
    data: DataFace,
    request: PreparedRequest,
    options: CallOptions,
    parse: (body: Buffer) => T,
    outcomes: NodeOutcome[] = [],
  ): Promise<T> {
    const totalMs = options.timeoutMs ?? deps.requestTimeoutMs;
    const deadlineUs = deps.clock.monotonicUs() + totalMs * 1000;
    let failure: NodeFailure | undefined;
    const candidates = order();
    // The same node once more where there is only one: a kept-alive connection may just have been closed.
    if (candidates.length === 1) candidates.push(candidates[0]!);
    for (const [index, node] of candidates.entries()) {
      const leftMs = (deadlineUs - deps.clock.monotonicUs()) / 1000;
      if (leftMs <= 0) break;
      const timeoutMs = index === 0 && candidates.length > 1 ? Math.min(leftMs, totalMs * firstAttempt) : leftMs;
      const answer = await nodes.send(node, data, request, { timeoutMs, signal: options.signal }, outcomes);
      options.signal?.throwIfAborted();
      if (!answer.failure) return parse(answer.body);
      failure = answer.failure;
      // What one node of a cluster refuses, all refuse.
      if (failure.fatal) break;
    }
    throw unanswered(deps.cluster.name, failure, outcomes);
  }

  /** Once, to one node: a write that was not answered may still land, so nobody repeats it. */
  async function write(
    data: DataFace,
    keys: readonly string[],
    request: PreparedRequest,
    options: CallOptions,
  ): Promise<WriteResult> {
    const timeoutMs = options.timeoutMs ?? deps.requestTimeoutMs;
    const answer = await nodes.send(order()[0]!, data, request, { timeoutMs }, []);
    const { failure } = answer;
    return {
      acknowledged: failure ? [] : [...keys],
      failed: failure ? keys.map((key) => ({ key, reason: failure.message, ...statusOf(failure) })) : [],
      version: 0,
      markedStale: [],
    };
  }

  const control = async <T>(ask: (node: ClusterNode) => Promise<T>): Promise<T> => {
    let last: unknown;
    for (const node of order()) {
      try {
        return await ask(node);
      } catch (error) {
        if (!(error instanceof RagctlError) || error.code !== "node-unreachable") throw error;
        last = error;
      }
    }
    throw last;
  };
  const vectorName = deps.cluster.store.vector;

  const client: ClusterClient = {
    cluster: deps.cluster,
    async ensureCollection(name, spec) {
      const there = await client.collectionInfo(name);
      const indexMissing = async (known: CollectionInfo | undefined) => {
        for (const { field, type } of spec.payloadIndexes ?? [])
          if (!known?.indexedPayloadFields.includes(field))
            await control((node) => node.control.createPayloadIndex(name, field, type));
      };
      if (!there) {
        await control((node) => node.control.createCollection(name, spec));
        await indexMissing(undefined);
        return { created: true };
      }
      requireFit(name, "", there, spec);
      await indexMissing(there);
      return { created: false };
    },
    async dropCollection(name) {
      await control((node) => node.control.deleteCollection(name));
    },
    collections: () => control((node) => node.control.listCollections()),
    collectionInfo: (name) => control((node) => node.control.collectionInfo(name, vectorName)),
    table: () => Promise.resolve(undefined),

    prepareSearch(collection: string, vector: Vector, options: SearchOptions): NativeSearch {
      const data = face(collection);
      return { collection, options, face: data, request: data.prepareSearch(vector, options) };
    },
    async search(search, options = {}) {
      const { face: data, request } = search as NativeSearch;
      const requests: NodeOutcome[] = [];
      return { hits: await read(data, request, options, (body) => data.parseSearch(body), requests), requests };
    },
    async fetch(collection, keys, options = {}) {
      const data = face(collection);
      const request = data.prepareFetch([...new Set(keys.map(pointIdOf))], {
        withPayload: options.withPayload ? withStampFields([...options.withPayload]) : true,
        withVector: options.withVector ?? false,
      });
      return (await read(data, request, options, (body) => data.parseFetch(body))).map(recordOf);
    },
    async count(collection, filter, options = {}) {
      const data = face(collection);
      return await read(data, data.prepareCount(filter), options, (body) => data.parseCount(body));
    },
    async *scroll(collection, options) {
      const { filter, pageSize = 256, withVector = false, withPayload = true } = options;
      const data = face(collection);
      let offset: PointId | undefined;
      do {
        const request = data.prepareScroll({
          limit: pageSize,
          withVector,
          withPayload: withStampFields(withPayload),
          ...(filter ? { filter } : {}),
          ...(offset === undefined ? {} : { offset }),
        });
        const page = await read(data, request, options, (body) => data.parseScroll(body));
        if (page.points.length > 0) yield page.points.map(recordOf);
        offset = page.next;
      } while (offset !== undefined);
    },

    async upsert(collection, records, options = {}) {
      const data = face(collection);
      const version = deps.versions.next();
      const points = [...new Map(records.map((record) => [record.key, record])).values()].map(
        ({ key, vector, payload }): Point => {
          const h = hashOf(key);
          const id = pointIdOf(key);
          return { id, vector, payload: Object.assign({}, payload, stampPayload(key, { id, h, position: h }, version)) };
        },
      );
      const result: WriteResult = { acknowledged: [], failed: [], version, markedStale: [] };
      const keys = [...new Set(records.map(({ key }) => key))];
      for (let at = 0; at < points.length; at += deps.capabilities.maxBatch) {
        const request = data.prepareUpsert(points.slice(at, at + deps.capabilities.maxBatch), { wait: true });
        const part = await write(data, keys.slice(at, at + deps.capabilities.maxBatch), request, options);
        result.acknowledged.push(...part.acknowledged);
        result.failed.push(...part.failed);
      }
      return result;
    },
    async delete(collection, keys, options = {}) {
      const data = face(collection);
      if (keys.length === 0) return { acknowledged: [], failed: [], version: 0, markedStale: [] };
      return await write(data, keys, data.prepareDelete({ ids: keys.map(pointIdOf) }, { wait: true }), options);
    },

    onNode: (node) => nodeView(deps, nodes.get(node)),
    nodeStates: () => nodes.balance(),
    close: () => nodes.close(),
  };
  return client;
}

function unanswered(cluster: string, failure: NodeFailure | undefined, requests: NodeOutcome[]): RagctlError {
  const refused = failure?.fatal === true;
  return new RagctlError(
    `${refused ? "The request was refused" : `No node of ${cluster} answered`}: ${failure?.message ?? "no time was left"}`,
    {
      code: refused ? "request-refused" : "cluster-unreachable",
      exitCode: ExitCode.unreachable,
      hint: refused ? "Check the collection's name, the vector's size and the filter." : "ragctl status shows every node.",
      details: { requests },
    },
  );
}
