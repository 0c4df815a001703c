import type { ClusterConfig } from "../config/schema.ts";
import type { Clock, Rng } from "../runtime.ts";
import type { ReadLevel } from "../sharding/cover.ts";
import type { DataFace, StoreCapabilities } from "../stores/contract.ts";
import type { StateStore } from "../state/contract.ts";
import type { ClusterNodes } from "./nodes.ts";
import type { TokenBucket } from "./token-bucket.ts";
import type { VersionClock } from "./version.ts";
import { physicalOf } from "../sharding/table.ts";
import type { TableWatch, View } from "./watch.ts";

/** What the parts of a client share. */
export interface ClusterDeps {
  readonly cluster: ClusterConfig;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly nodes: ClusterNodes;
  readonly versions: VersionClock;
  readonly capabilities: StoreCapabilities;
  readonly level: ReadLevel;
  readonly minAcks: number;
  /** "One request timeout" of ROUTING.md: no request of ours waits longer. */
  readonly requestTimeoutMs: number;
  /** Hedged reads, and what is left of their budget. */
  readonly hedge: { readonly mode: "off" | "p95"; readonly budget: TokenBucket };
  /** By the name that the nodes know. */
  readonly face: (physical: string) => DataFace;
}

/** What the parts of a routed client share. */
export interface RoutedDeps extends ClusterDeps {
  readonly watch: TableWatch;
  readonly state: StateStore;
  /** Unique to this client, for the ids of its operations. */
  readonly clientId: string;
}

/** Of the collection that the nodes serve under a view. */
export function faceOf({ face }: Pick<ClusterDeps, "face">, { routing }: Pick<View, "routing">): DataFace {
  return face(physicalOf(routing.table));
}
