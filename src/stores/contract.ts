import type { HttpAnswer, PreparedRequest, TlsOptions } from "../http/contract.ts";

/**
 * An unsigned integer below 2^53, or a UUID in canonical lower case. Stores allow integers up to 2^64; JSON in JavaScript
 * would round those to another point's id, so that builders and parsers refuse them instead.
 */
export type PointId = number | string;
export type Vector = readonly number[] | Float32Array;
export type Payload = Record<string, unknown>;

export interface Point {
  id: PointId;
  vector?: Vector;
  payload?: Payload;
}

export interface Hit {
  id: PointId;
  score: number;
  payload?: Payload;
  vector?: number[];
}

/** The part of Qdrant's filter language that every driver must be able to say. */
export interface Filter {
  must?: Condition[];
  should?: Condition[];
  must_not?: Condition[];
}
type Scalar = string | number | boolean;
export type Condition =
  | Filter
  /** Numbers are integers here; a list holds one kind. */
  | { key: string; match: { value: Scalar } | { any: string[] | number[] } | { except: string[] | number[] } }
  | { key: string; range: { gt?: number; gte?: number; lt?: number; lte?: number } }
  | { has_id: PointId[] }
  | { is_empty: { key: string } };

export type Distance = "Cosine" | "Dot" | "Euclid";

export interface CollectionSpec {
  size: number;
  distance: Distance;
  /** Named vector; absent: the unnamed one. */
  vector?: string;
  hnsw?: { m?: number; efConstruct?: number };
}

export interface CollectionInfo extends CollectionSpec {
  /** The store's own word; Qdrant's are green, yellow, grey and red. */
  status: string;
  /** Approximate where the store says so (Qdrant): count exactly with `prepareCount`. */
  pointsCount: number;
  /** Sorted. */
  indexedPayloadFields: string[];
}

export interface SearchOptions {
  k: number;
  filter?: Filter;
  /** True: all of it; a list: these fields. */
  withPayload?: boolean | string[];
  withVector?: boolean;
  ef?: number;
  exact?: boolean;
  scoreThreshold?: number;
}

export interface ScrollOptions {
  filter?: Filter;
  limit: number;
  offset?: PointId;
  withPayload?: boolean | string[];
  withVector?: boolean;
}
export interface ScrollPage {
  points: Point[];
  /** Where the next page begins; absent on the last one. */
  next?: PointId;
}

export interface StoreCapabilities {
  /** The store moves and replicates shards by itself (Qdrant with its cluster enabled). */
  supportsShardMove: boolean;
  supportsSnapshots: boolean;
  supportsAliases: boolean;
  /** Points in one upsert at most. */
  maxBatch: number;
  /** Bytes in one body at most. */
  maxBodyBytes: number;
}
export const defaultCapabilities: StoreCapabilities = {
  supportsShardMove: false,
  supportsSnapshots: false,
  supportsAliases: false,
  maxBatch: 1000,
  maxBodyBytes: 32_000_000,
};

/**
 * The data face: pure. `prepare…` makes the bytes of a request, `parse…` reads the body of a 2xx answer, `failure`
 * turns any other answer into an error. The load generator uses one half without the other.
 *
 * `prepare…` throws RagctlError (exit 2) on what no store can take: a component that is not finite, an id out of range, a
 * body above `maxBodyBytes`. `parse…` throws RagctlError (exit 3) when the body is not what the store documents.
 */
export interface DataFace {
  prepareSearch(vector: Vector, options: SearchOptions): PreparedRequest;
  parseSearch(body: Buffer): Hit[];
  /** `wait`: answered only when durable and visible to reads; otherwise when the store has taken it in. */
  prepareUpsert(points: readonly Point[], options: { wait: boolean }): PreparedRequest;
  /** The answer to an upsert, delete or set-payload: whether reads see it yet, or it is only queued (durably). */
  parseWrite(body: Buffer): "applied" | "queued";
  /** Points that do not exist are left out of the answer, which is in no particular order. */
  prepareFetch(ids: readonly PointId[], options: { withPayload?: boolean | string[]; withVector?: boolean }): PreparedRequest;
  parseFetch(body: Buffer): Point[];
  /** Exact. */
  prepareCount(filter?: Filter): PreparedRequest;
  parseCount(body: Buffer): number;
  /** In ascending order of id. */
  prepareScroll(options: ScrollOptions): PreparedRequest;
  parseScroll(body: Buffer): ScrollPage;
  prepareDelete(target: { ids: readonly PointId[] } | { filter: Filter }, options: { wait: boolean }): PreparedRequest;
  /** Sets these fields and leaves the others. */
  prepareSetPayload(
    target: { ids: readonly PointId[] } | { filter: Filter },
    payload: Payload,
    options: { wait: boolean },
  ): PreparedRequest;
  /** `headers` of the answer, for Retry-After. */
  failure(status: number, body: Buffer, headers?: HttpAnswer["headers"]): StoreFailure;
}

export interface StoreFailure {
  /** `retryable`: a read may be tried elsewhere or later (429, 5xx); `fatal`: the same request will fail again. */
  kind: "retryable" | "fatal";
  status: number;
  message: string;
  /** From Retry-After. */
  retryAfterMs?: number;
}

export interface NodeHealth {
  ok: boolean;
  version?: string;
  /** Of the health request, µs. */
  latencyUs?: number;
  /** Why not, in a sentence. */
  problem?: string;
}

/** The control face of one node: typed methods. All throw RagctlError (exit 3 where the node cannot be reached or refuses). */
export interface StoreControl {
  /** Never throws but for the signal's reason: a node that does not answer is an answer here. Needs no api key. */
  health(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<NodeHealth>;
  /** Sorted. */
  listCollections(): Promise<string[]>;
  /**
   * Undefined when there is none. `vector`: which of several named vectors.
   * @throws RagctlError `collection-unsupported` when it has vectors that ragctl cannot search
   */
  collectionInfo(name: string, vector?: string): Promise<CollectionInfo | undefined>;
  /** @throws RagctlError `collection-exists` */
  createCollection(name: string, spec: CollectionSpec): Promise<void>;
  /** True when there was one. */
  deleteCollection(name: string): Promise<boolean>;
  /** Answered when it is built; harmless when it is there already. */
  createPayloadIndex(collection: string, field: string, type: "integer" | "keyword"): Promise<void>;
  /** All of them or none, in one step. */
  updateAliases(actions: AliasAction[]): Promise<void>;
  listAliases(): Promise<{ alias: string; collection: string }[]>;
  /** Whether the store's own cluster mode is on. */
  clusterEnabled(): Promise<boolean>;
}
export type AliasAction = { create: { alias: string; collection: string } } | { delete: { alias: string } };

export interface NodeEndpoint {
  id: string;
  url: string;
  apiKey?: string;
  timeoutMs?: number;
  tls?: TlsOptions;
}

export interface VectorStoreDriver {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  /** Headers that every request to this node carries: its api key. */
  headers(node: NodeEndpoint): Record<string, string>;
  data(collection: string, vectorName?: string): DataFace;
  control(node: NodeEndpoint): StoreControl;
}
