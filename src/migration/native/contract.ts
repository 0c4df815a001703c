import type { ObservedNative } from "../../sharding/native/index.ts";
import type { Clock } from "../../runtime.ts";
import type { ClusterControl, StoreControl, TransferMethod } from "../../stores/contract.ts";
import type { Fence, Governor, Journal, Throttle } from "../contract.ts";

/** How a native cluster is reached: each configured node's control face. */
export interface NativeAccess {
  cluster: string;
  collection: string;
  /** Which of several named vectors, for the estimate of sizes. */
  vector?: string;
  nodes: {
    id: string;
    url: string;
    zone?: string;
    weight: number;
    control: Pick<StoreControl, "health" | "collectionInfo" | "listCollections"> & { readonly cluster: ClusterControl };
  }[];
  clock: Clock;
}

/** One look at a cluster; cheap enough to be taken every second. `bytes` of shards are 0. */
export type NativeLook = Omit<ObservedNative, "replicationFactor" | "sizes">;

export interface NativeTiming {
  /** Between looks. */
  pollMs: number;
  /** How long an obstacle (no quorum, a silent node, a source that is not active) may last before the run gives up. */
  patienceMs: number;
  /** A transfer without progress for this long is aborted. */
  stallMs: number;
  /** After a request that was not answered: how long it may still take effect. */
  settleMs: number;
  /** How long the store waits for the agreement on a change. */
  waitSec: number;
  /** Transfers begun for one step at most. */
  attempts: number;
}

export const defaultTiming: NativeTiming = {
  pollMs: 1_000,
  patienceMs: 60_000,
  stallMs: 600_000,
  settleMs: 10_000,
  waitSec: 30,
  attempts: 3,
};

interface NativeProgress {
  step: string;
  /** Of the step's shard: points that its target has by now, and those of the source. */
  points: number;
  total: number;
}

export interface NativeRunDeps {
  access: NativeAccess;
  journal: Journal;
  fence: Fence;
  throttle: Throttle;
  governor: Governor;
  /** Steps that run at once. */
  concurrency: number;
  /** Of the first transfer of each step; the store's default unless given. Later attempts take another. */
  method?: Exclude<TransferMethod, "wal_delta">;
  timing: NativeTiming;
  /** Begin nothing more; what is in flight is seen to its end. */
  signal: AbortSignal;
  /** Stop now; transfers go on in the store, and a resumed run finds them. */
  hardSignal: AbortSignal;
  /** Something about what is going on, for people. */
  note: (text: string) => void;
  onProgress: (progress: NativeProgress) => void;
}

export interface NativeApplied {
  steps: { total: number; done: number };
  /** Of the steps that this run finished. */
  points: number;
  bytes: number;
  /** Done before this run came to them. */
  skipped: number;
  interrupted: boolean;
}

export interface NativeVerified {
  clean: boolean;
  /** Distinct points, by the store's estimate. */
  checked: number;
  /** Points of replicas that should be there and are not, or do not serve. */
  missing: number;
  /** Points of replicas that should not be there. */
  orphaned: number;
  /** Points by which replicas of the same shard differ, over several looks. */
  different: number;
  /** What is wrong, a sentence each. */
  problems: string[];
}
