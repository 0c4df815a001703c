import type { ClusterConfig } from "../config/schema.ts";
import type {
  CollectionInfo,
  CollectionSpec,
  Filter,
  Hit,
  NodeHealth,
  Payload,
  PointId,
  SearchOptions,
  Vector,
} from "../stores/contract.ts";
import type { RoutingTable } from "../sharding/table.ts";
import type { Clock, Rng } from "../runtime.ts";
import type { OnClientEvent } from "./events.ts";

/** What a caller writes: the key is the caller's own; the client derives the id, the hash and the version. */
export interface WriteRecord {
  key: string;
  vector: Vector;
  payload?: Payload;
}

export interface WriteResult {
  /** Keys that are on every serving owner (those that failed were marked stale first), with at least `minAcks`. */
  acknowledged: string[];
  /** `status`: of the HTTP answer that refused it, where there was one: 413 and 429 say that less would do. */
  failed: { key: string; reason: string; status?: number }[];
  version: number;
  /** Nodes that this write found failing and marked stale. */
  markedStale: string[];
}

export interface NodeOutcome {
  node: string;
  sentUs: number;
  endUs: number;
  outcome: "ok" | "error" | "timeout" | "cancelled";
  detail?: string;
}

export interface SearchResult {
  hits: Hit[];
  /** Present when some hash had no serving owner that answered: the share of the hash space that is missing, (0, 1]. */
  partial?: { missingShare: number };
  /** Present when fewer owners answered for some hashes than the consistency level asks for, but some did: their share, (0, 1]. */
  belowConsistency?: { share: number };
  /** Every request that this one operation made, failed and hedged ones included; what others were faster than is `cancelled`. */
  requests: NodeOutcome[];
}

/** A search whose bytes are made: the same body goes to every node. Opaque to callers. */
export interface PreparedSearch {
  readonly collection: string;
  readonly options: SearchOptions;
}

export interface CallOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface FetchOptions extends CallOptions {
  withVector?: boolean;
  /** These fields, beside those that the client itself needs; default: all. */
  withPayload?: readonly string[];
  /**
   * Asks every serving owner of each key, whatever the consistency level, and says of each record whether they all have it
   * (`agreed`). On a native cluster the store itself keeps its replicas alike: there this changes nothing, and nothing is said.
   */
  everyOwner?: boolean;
  /** Told the keys of which fewer owners answered than the consistency level asks for, but some did. */
  onBelowConsistency?: (keys: string[]) => void;
}

/** One cluster, whatever its topology. Errors are RagctlError; exit 3 where nothing that is needed could be reached. */
export interface ClusterClient {
  readonly cluster: ClusterConfig;
  /** Creates it on all nodes with payload indexes and the table (routed), or checks that what is there fits. */
  ensureCollection(name: string, spec: CollectionSpec): Promise<{ created: boolean }>;
  dropCollection(name: string): Promise<void>;
  collections(): Promise<string[]>;
  collectionInfo(name: string): Promise<CollectionInfo | undefined>;
  /** The routing table; undefined on a native cluster, or for a collection that ragctl did not make. */
  table(collection: string): Promise<RoutingTable | undefined>;
  /** Of a native cluster: what is written down of a collection that a rebalance has placed by cells, or begun to. */
  cellTable?(collection: string): Promise<RoutingTable | undefined>;

  prepareSearch(collection: string, vector: Vector, options: SearchOptions): PreparedSearch;
  search(search: PreparedSearch, options?: CallOptions): Promise<SearchResult>;
  fetch(collection: string, keys: readonly string[], options?: FetchOptions): Promise<StoredRecord[]>;
  /** Points, each once. */
  count(collection: string, filter?: Filter, options?: CallOptions): Promise<number>;
  /** Every point once, in no particular order, page by page. */
  scroll(
    collection: string,
    options: CallOptions & { filter?: Filter; pageSize?: number; withVector?: boolean; withPayload?: boolean | string[] },
  ): AsyncIterable<StoredRecord[]>;

  upsert(collection: string, records: readonly WriteRecord[], options?: CallOptions): Promise<WriteResult>;
  delete(collection: string, keys: readonly string[], options?: CallOptions): Promise<WriteResult>;

  /** What one node itself holds and says; for canaries, verification and status. */
  onNode(node: string): NodeView;
  /** A snapshot of what the balancer and the breakers think. */
  nodeStates(): NodeBalance[];
  close(): Promise<void>;
}

export interface StoredRecord {
  id: PointId;
  /** `_ragctl_key`, or the id as text where the point has none. */
  key: string;
  version?: number;
  vector?: Vector;
  payload: Payload;
  /**
   * Fetched with `everyOwner` on a routed cluster, and only there: whether every serving owner answered, and has this id with
   * this version. False is what a writer leaves that died between two replicas; writing the key once more makes it true.
   */
  agreed?: boolean;
}

export interface NodeView {
  health(options?: CallOptions): Promise<NodeHealth>;
  count(collection: string, filter?: Filter, options?: CallOptions): Promise<number>;
  /** Whole, unless `withVector` is false: then with ragctl's own fields alone. */
  fetch(collection: string, ids: readonly PointId[], options?: CallOptions & { withVector?: boolean }): Promise<StoredRecord[]>;
}

export interface NodeBalance {
  node: string;
  breaker: "closed" | "open" | "half-open";
  /** Exponentially weighted response time, µs; undefined until measured. */
  latencyUs?: number;
  inFlight: number;
  /** Over the rolling window. */
  errorRate: number;
}

export interface ClientOptions {
  clock: Clock;
  rng: Rng;
  /** What the client is, for its lease: `load worker 1`. */
  purpose: string;
  /** Base directory for relative paths (state file). */
  cwd: string;
  /** Takes what the balancer, the breakers and the writes make of the nodes: for a run's timeline. */
  onEvent?: OnClientEvent;
}
