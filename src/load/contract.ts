import type { CacheConfig, ClusterConfig, EmbedderConfig } from "../config/schema.ts";
import type { PreparedRequest } from "../http/contract.ts";
import type { ChoiceSpec } from "../datasets/choice.ts";
import type { Filter } from "../stores/contract.ts";
import type { NodeOutcome } from "../cluster/contract.ts";
import type { Distance } from "../stores/contract.ts";
import type { ExactTruth } from "./recall/exact.ts";

/**
 * When each operation is due: a closed formula of its index, never of what happened before. Times are µs after the
 * run's start; operations due before `warmupUs` are warm-up and enter no count.
 */
export interface Schedule {
  /** Operations in all, warm-up included. */
  readonly total: number;
  readonly warmupUs: number;
  /** Where the counted part ends. */
  readonly endUs: number;
  /** Not decreasing in `index`, 0 ≤ index < total. */
  intendedUs(index: number): number;
}

/** What every open executor says. `startUs`: after the measured part began; only what starts at 0 has a warm-up. */
interface OpenTimes {
  startUs?: number;
  warmupUs: number;
  /** Of the counted part. */
  durationUs: number;
}
export interface ConstantRateSpec extends OpenTimes {
  kind: "constant-arrival-rate";
  ratePerSec: number;
}
/** From rate to rate, each stage a straight line; warm-up is at the rate of the start. */
export interface RampingRateSpec extends OpenTimes {
  kind: "ramping-arrival-rate";
  startRatePerSec: number;
  /** `durationUs` is the sum of theirs; a stage of length 0 is a jump. */
  stages: { durationUs: number; targetPerSec: number }[];
}
/** Independent arrivals: the gaps are exponential. */
export interface PoissonSpec extends OpenTimes {
  kind: "poisson";
  ratePerSec: number;
  seed: number;
}
/** A query log's own times. */
export interface ReplaySpec extends OpenTimes {
  kind: "replay";
  /** Float64, µs from the log's first entry, ascending, already divided by the speed. */
  offsets: SharedArrayBuffer;
  speed: number;
}
/** A schedule as plain data, so that every thread can build the same one. */
export type ScheduleSpec = ConstantRateSpec | RampingRateSpec | PoissonSpec | ReplaySpec;

/**
 * Closed loops: virtual users, each of which begins its next operation when the last one has ended (and `thinkUs` have passed). The intended start is when
 * the user was free, so response time is service time, and a slow target is asked less: that is what closed means.
 */
interface ClosedTimes {
  startUs?: number;
  warmupUs: number;
  /** When nothing more begins; what is under way may end. */
  durationUs: number;
  thinkUs: number;
  /** Two Int32 that all workers share: operations begun in all, iterations taken. */
  counter: SharedArrayBuffer;
}
interface ConstantVusSpec extends ClosedTimes {
  kind: "constant-vus";
  vus: number;
}
interface RampingVusSpec extends ClosedTimes {
  kind: "ramping-vus";
  startVus: number;
  stages: { durationUs: number; target: number }[];
}
interface PerVuIterationsSpec extends ClosedTimes {
  kind: "per-vu-iterations";
  vus: number;
  iterations: number;
}
interface SharedIterationsSpec extends ClosedTimes {
  kind: "shared-iterations";
  vus: number;
  /** In all. */
  iterations: number;
}
export type ClosedSpec = ConstantVusSpec | RampingVusSpec | PerVuIterationsSpec | SharedIterationsSpec;
export type ExecutorSpec = ScheduleSpec | ClosedSpec;

/** One raw request, sent again and again. */
export interface HttpOperationSpec {
  kind: "http";
  origin: string;
  request: Omit<PreparedRequest, "kind" | "body"> & { body?: Uint8Array };
}

/** Where the true neighbours came from. */
interface RecallSource {
  from: "data set" | "exact search";
  /** That have a truth. */
  queries: number;
  /** The data set that brought neighbours. */
  file?: string;
  /** Why those of the file were not used. */
  because?: string;
}

/** How answers are judged while the load runs. */
export interface RecallSpec {
  /** Recall is judged at each of these; none above the k of the searches. */
  ks: readonly number[];
  distance: Distance;
  /** By query: its true neighbours, best first; null: this query is not judged. */
  truths: readonly (ExactTruth | null)[];
  source: RecallSource;
  /** What the ids of points begin with that the run itself writes: they are left out. */
  ownPrefix?: string;
}

interface OnCluster {
  cluster: ClusterConfig;
  collection: string;
  /** For the client's relative paths (state file). */
  cwd: string;
}

/** `count` vectors of `dim` floats, one after the other, shared by all workers. */
export interface SharedVectors {
  vectors: SharedArrayBuffer;
  dim: number;
  count: number;
}

/** One search of a cluster: the bytes are prepared before the clock starts. */
export interface SearchOperationSpec extends OnCluster {
  kind: "search";
  k: number;
  ef?: number;
  queries: SharedVectors;
  choice: ChoiceSpec;
  filter?: Filter;
  exact?: boolean;
  /** Whether an answer that misses part of the hash space counts as ok. */
  partialIsOk: boolean;
  recall?: RecallSpec;
  /** For the client's relative paths (state file). */
  cwd: string;
}
/** Writes points of the run's own, which it deletes afterwards. */
export interface UpsertOperationSpec extends OnCluster {
  kind: "upsert";
  /** Vectors to write. */
  vectors: SharedVectors;
  choice: ChoiceSpec;
  /** Points an operation. */
  batch: number;
  /** Marks the points: see `runKey`. */
  tag: string;
  /** Distinct keys, written over and over (as many more as it takes that each belongs to one worker); absent: each is written once. */
  keys?: number;
  /** Where acknowledged keys are told to fetches of the same run: see `WrittenKeys`. */
  written?: SharedArrayBuffer;
  /** Look for what was acknowledged until a search finds it. */
  freshness?: { everyUs: number; giveUpUs: number; atOnce: number };
}

/** Reads points by key. */
export interface FetchOperationSpec extends OnCluster {
  kind: "fetch";
  keys: string[];
  choice: ChoiceSpec;
  batch: number;
  /** This share of the operations reads what the run's own upserts had acknowledged before. */
  own?: { share: number; tag: string; written: SharedArrayBuffer };
}

/** A question to a RAG endpoint; its answer may be streamed, and may tell of its stages. */
export interface RagOperationSpec {
  kind: "rag";
  url: string;
  method: "GET" | "POST";
  headers: Record<string, string>;
  /** The field of the JSON body (POST) or the parameter (GET) that holds the question. */
  field: string;
  texts: string[];
  choice: ChoiceSpec;
}

/** Gets from the cluster's cache, and sets what was not there (cache-aside), or a share of plain sets. */
export interface CacheOperationSpec {
  kind: "cache";
  cache: CacheConfig;
  /** Of other zones: asked in turn while that one, and those before, do not answer. */
  elsewhere?: CacheConfig[];
  /** Distinct keys, chosen by `choice`. */
  keys: number;
  choice: ChoiceSpec;
  valueBytes: number;
  ttlMs: number;
  /** Share of the operations that are sets, 0 to 1. */
  writes: number;
  fill: boolean;
  /** Through the cache layer: where Redis fails memory answers. False: the cache itself, whose failures are errors. */
  standBy: boolean;
  tag: string;
}

/** Searches as an application asks them: through a cache layer, whose misses go to the cluster. Several servers share the questions. */
export interface CachedSearchOperationSpec extends OnCluster {
  kind: "cached-search";
  k: number;
  ef?: number;
  /** Texts are embedded where they miss; vectors are there already. */
  questions: { texts: string[] } | SharedVectors;
  choice: ChoiceSpec;
  /** Decides which question is the i-th: every scenario of a run asks the same. */
  seed: number;
  /** A multiple of the scenario's workers. */
  servers: number;
  /** With the run's own keys and times. */
  cache: CacheConfig;
  /** Beside embedding and search. */
  plusMs: number;
  /** Of one backend call, and of the cache a month; any currency. */
  price: number;
  monthly: number;
}

export interface EmbedOperationSpec {
  kind: "embed";
  /** Undefined: feature hashing. */
  embedder: EmbedderConfig | undefined;
  texts: string[];
  choice: ChoiceSpec;
  batch: number;
}

export type OperationSpec =
  | HttpOperationSpec
  | SearchOperationSpec
  | UpsertOperationSpec
  | FetchOperationSpec
  | RagOperationSpec
  | CacheOperationSpec
  | CachedSearchOperationSpec
  | EmbedOperationSpec;

/** One stream of operations, with threads of its own. */
export interface ScenarioSpec {
  /** Thresholds may name it: `search.responseTime`. */
  name: string;
  executor: ExecutorSpec;
  operation: OperationSpec;
  tags: Record<string, string>;
  /** Threads that send. */
  workers: number;
  timeoutUs: number;
  /** Of an open executor: what is due beyond it is dropped. */
  maxInFlight: number;
  /** Decides every choice of its operations. */
  seed: number;
}

/** What a run is made of: scenarios side by side. Everything in it can cross a thread boundary. */
export interface LoadSpec {
  scenarios: ScenarioSpec[];
  thresholds: ThresholdInput[];
  seed: number;
}

/** A threshold as written, and who wrote it. */
export interface ThresholdInput {
  expression: string;
  source: "flag" | "objective" | "default" | "profile";
  /** From a profile: what stands before the expressions, such as `search.responseTime`, `freshness` or `recall@10`; its first part may name a scenario or a kind of operation. */
  metric?: string;
  /** Over each window of this length, instead of the whole run. */
  windowUs?: number;
  /** Ends the run once it fails, but not before so long into the measured part. */
  abortAfterUs?: number;
}

/** Why an operation was never sent. `in-flight-target`: over the cap because the target was slow; the rest is the generator's. */
export const dropCauses = ["in-flight-target", "in-flight-generator", "late", "sockets"] as const;
export type DropCause = (typeof dropCauses)[number];

/** One operation under way. The operation settles it exactly once; later calls are ignored. */
export interface Ticket {
  readonly index: number;
  /** Monotonic µs, as everything here. */
  readonly intendedUs: number;
  /** Set by the operation when the request is on its socket; undefined until then. */
  sentUs: number | undefined;
  /** Set by the operation before it settles: what the cache said (`hit`, `near-hit`, `miss`, `shared`). */
  cache: string | undefined;
  /** Set by the operation: stops what is under way after a timeout or a second Ctrl-C. */
  canceller: { cancel(): void } | undefined;
  /**
   * @param endUs the last byte
   * @param cause undefined: ok; else why not (`timeout`, `reset`, `status-503`, `partial`)
   * @param requests what was asked of each node, where one operation is several requests
   */
  settle(endUs: number, cause: string | undefined, requests?: readonly NodeOutcome[]): void;
  /**
   * A figure beside the response time, also after the ticket was settled: `recall@10` is a ratio, anything else µs (`freshness`, `firstByte`), where Infinity
   * says that it never came.
   */
  measure(metric: string, value: number): void;
  /** Never left because this machine could not send it (no sockets): counts as dropped. */
  drop(cause: DropCause): void;
}

export interface Operation {
  /** Sends, without waiting; whatever goes wrong ends in `ticket.settle` or `ticket.drop`. */
  start(ticket: Ticket): void;
  close(): Promise<void>;
  /** Waits for what goes on after the last ticket was settled (freshness probes); called before `close`, and cut off where `signal` aborts. */
  drain?(signal: AbortSignal): Promise<void>;
  /** Connections opened so far, where the operation knows. */
  connectionsOpened?(): number;
}
