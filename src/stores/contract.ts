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

export const payloadIndexTypes = ["keyword", "integer", "float", "bool", "datetime", "text", "uuid", "geo"] as const;
export type PayloadIndexType = (typeof payloadIndexTypes)[number];
/** Smaller vectors beside the whole ones: int8 components, product codes, single bits. */
export const quantizations = ["scalar", "product", "binary"] as const;
export type Quantization = (typeof quantizations)[number];

export interface CollectionSpec {
  size: number;
  distance: Distance;
  /** Named vector; absent: the unnamed one. */
  vector?: string;
  hnsw?: { m?: number; efConstruct?: number };
  quantization?: Quantization;
  /** Beside those that ragctl needs itself. Made where they are missing, even in a collection that is there. */
  payloadIndexes?: readonly { field: string; type: PayloadIndexType }[];
}

/** How a store that shards by itself is to part a new collection. */
export interface ShardingSpec {
  /** Each point goes to the shards of a key that its writer names; ids are unique within a key alone. */
  byKey: boolean;
  /** Of the collection, or of each key. */
  shards?: number;
  /** Copies of each shard. */
  replicas?: number;
}
/** The name of a group of shards. */
export type ShardKey = string | number;

export interface CollectionInfo extends CollectionSpec {
  /** The store's own word; Qdrant's are green, yellow, grey and red. */
  status: string;
  /** Approximate where the store says so (Qdrant): count exactly with `prepareCount`. */
  pointsCount: number;
  /** Sorted. */
  indexedPayloadFields: string[];
  /** Their types, in the store's words, where it tells them. */
  payloadIndexTypes?: Readonly<Record<string, string>>;
  /** Names of vectors that points have beside this one, sparse ones among them; absent: none. Sorted. The unnamed one is "". */
  otherVectors?: readonly string[];
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
  /** Only the shards of these keys, of a collection that is sharded by keys; absent: all. */
  shardKeys?: readonly ShardKey[];
}

interface ScrollOptions {
  filter?: Filter;
  limit: number;
  offset?: PointId;
  withPayload?: boolean | string[];
  withVector?: boolean;
  /** As of a search. */
  shardKeys?: readonly ShardKey[];
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
  /** An upsert can be told which existing points it may replace (`onlyIf`): what moves points to a node that serves others needs it. */
  supportsConditionalUpsert: boolean;
  /** Points in one upsert at most. */
  maxBatch: number;
  /** Bytes in one body at most. */
  maxBodyBytes: number;
}
export const defaultCapabilities: StoreCapabilities = {
  supportsShardMove: false,
  supportsSnapshots: false,
  supportsAliases: false,
  supportsConditionalUpsert: false,
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
  /**
   * `wait`: answered only when durable and visible to reads; otherwise when the store has taken it in. `onlyIf`: an existing point is replaced
   * only if it matches, in one step with the write; new ones are written whatever it says. Where `supportsConditionalUpsert`. `shardKey`: whose
   * shards get them, where the collection is sharded by keys; it must be named there.
   */
  prepareUpsert(points: readonly Point[], options: { wait: boolean; onlyIf?: Filter; shardKey?: ShardKey }): PreparedRequest;
  /** The answer to an upsert, delete or set-payload: whether reads see it yet, or it is only queued (durably). */
  parseWrite(body: Buffer): "applied" | "queued";
  /** Points that do not exist are left out of the answer, which is in no particular order. */
  /** `shardKeys`: as of a search. Of a point under several keys the store may answer with any. */
  prepareFetch(
    ids: readonly PointId[],
    options: { withPayload?: boolean | string[]; withVector?: boolean; shardKeys?: readonly ShardKey[] },
  ): PreparedRequest;
  parseFetch(body: Buffer): Point[];
  /** Exact. */
  prepareCount(filter?: Filter): PreparedRequest;
  parseCount(body: Buffer): number;
  /** In ascending order of id. */
  prepareScroll(options: ScrollOptions): PreparedRequest;
  parseScroll(body: Buffer): ScrollPage;
  /** `shardKeys`: from whose shards, where the collection is sharded by keys; they must be named there. */
  prepareDelete(
    target: { ids: readonly PointId[] } | { filter: Filter },
    options: { wait: boolean; shardKeys?: readonly ShardKey[] },
  ): PreparedRequest;
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
  /** The node has no room: its disk is full, or a quota is used up. Waiting does not help, somebody has to act. */
  full?: true;
  /** From Retry-After. */
  retryAfterMs?: number;
  /** The answer says that nothing of the request was done, so that even a write may be repeated. */
  notDone?: true;
}

export interface NodeHealth {
  ok: boolean;
  version?: string;
  /** Of the health request, µs. */
  latencyUs?: number;
  /** Why not, in a sentence. */
  problem?: string;
}

/**
 * The control face of one node: typed methods. All throw RagctlError (exit 3 where the node cannot be reached or refuses).
 */
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
  createCollection(name: string, spec: CollectionSpec, sharding?: ShardingSpec): Promise<void>;
  /** True when there was one. */
  deleteCollection(name: string): Promise<boolean>;
  /** Answered when it is built; harmless when it is there already. */
  createPayloadIndex(collection: string, field: string, type: PayloadIndexType): Promise<void>;
  /** All of them or none, in one step. */
  updateAliases(actions: AliasAction[]): Promise<void>;
  listAliases(): Promise<{ alias: string; collection: string }[]>;
  /** Whether the store's own cluster mode is on. */
  clusterEnabled(): Promise<boolean>;
  /** Present where the driver's capabilities say `supportsShardMove`. */
  readonly cluster?: ClusterControl;
}
/**
 * What a store that shards and replicates by itself is asked and told, through one of its peers. Every peer answers from its
 * own view, which may lag behind the others'. Everything throws RagctlError (exit 3), or the signal's reason.
 */
export interface ClusterControl {
  /** Undefined where the cluster mode is off. */
  peer(options?: CallOptions): Promise<PeerView | undefined>;
  /** This peer's view of one collection; undefined where there is no such collection. */
  collection(name: string, options?: CallOptions): Promise<CollectionView | undefined>;
  /**
   * Sizes of every replica that answers, and who answers; undefined where the store has no such report (Qdrant before 1.17).
   */
  sizes(name: string, options?: CallOptions): Promise<ReplicaSizes | undefined>;
  /** Copies of each shard that the collection was made to have. */
  replicationFactor(name: string, options?: CallOptions): Promise<number>;
  /** How the collection was made to be parted. */
  sharding(name: string, options?: CallOptions): Promise<Required<ShardingSpec>>;
  /** One more group of shards; its copies are placed on these peers alone. Harmless where it is there. */
  createShardKey(
    name: string,
    key: { key: ShardKey; replicas: number; placement: readonly number[] },
    options: CallOptions & { waitSec: number },
  ): Promise<void>;
  /**
   * Resolves when the change is agreed on, which for a transfer is when it begins. A failure does not mean that nothing
   * happened: one that is not a refusal (`store-refused`) may still be agreed on later.
   * @param waitSec how long the store waits for the agreement
   */
  change(name: string, change: ShardChange, options: CallOptions & { waitSec: number }): Promise<void>;
  /** Takes a peer out of the cluster; refused by the store while it holds shards. It does not replicate what was there. */
  removePeer(peerId: number, options: CallOptions & { waitSec: number }): Promise<void>;
}

interface CallOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** One peer's view of the cluster. Peer ids are below 2^53. */
export interface PeerView {
  peerId: number;
  /** Every member, this one included; `uri` is where peers speak to each other, not the REST address. */
  peers: { peerId: number; uri: string }[];
  leader: number | null;
  term: number;
  commit: number;
  /** Agreed on, and not yet applied by this peer. */
  pendingOperations: number;
  /** False: it learns and does not vote. */
  voter: boolean;
  /** Whether its part of the consensus runs. */
  working: boolean;
}

export const replicaStates = [
  "Active",
  "Dead",
  "Partial",
  "Initializing",
  "Listener",
  "PartialSnapshot",
  "Recovery",
  "Resharding",
  "ReshardingScaleDown",
  "ActiveRead",
  "ManualRecovery",
] as const;
export type ReplicaState = (typeof replicaStates)[number];

export type TransferMethod = "snapshot" | "stream_records" | "wal_delta";

export interface ShardTransfer {
  shardId: number;
  from: number;
  to: number;
  /** True: `from` keeps its copy. */
  sync: boolean;
  /** The store's own word for it; absent before it has chosen. */
  method?: string;
  /** How far it is, in words; only the peer that sends says it. */
  comment?: string;
}

/** One peer's view of one collection. */
export interface CollectionView {
  peerId: number;
  shardCount: number;
  /** `points` stand with the peer's own replicas alone, and are the store's estimate. */
  replicas: { shardId: number; key?: ShardKey; peerId: number; state: ReplicaState; points?: number }[];
  transfers: ShardTransfer[];
  /** Whether the number of shards is being changed. */
  resharding: boolean;
}

/** Estimates of the store. */
export interface ReplicaSizes {
  replicas: { shardId: number; peerId: number; points: number; bytes: number }[];
  peers: { peerId: number; responsive: boolean; version?: string }[];
}

export type ShardChange =
  | { kind: "move" | "replicate"; shardId: number; from: number; to: number; method?: TransferMethod }
  | { kind: "abort"; shardId: number; from: number; to: number }
  | { kind: "drop"; shardId: number; peerId: number };

export type AliasAction = { create: { alias: string; collection: string } } | { delete: { alias: string } };

export interface NodeEndpoint {
  id: string;
  url: string;
  apiKey?: string;
  timeoutMs?: number;
  tls?: TlsOptions;
  /** Of this machine, from which connections are made. */
  localAddress?: string;
}

export interface VectorStoreDriver {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  /** Headers that every request to this node carries: its api key. */
  headers(node: NodeEndpoint): Record<string, string>;
  data(collection: string, vectorName?: string): DataFace;
  control(node: NodeEndpoint): StoreControl;
}
