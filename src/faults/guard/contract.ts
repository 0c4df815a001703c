import type { ClusterConfig } from "../../config/schema.ts";
import type { Runtime } from "../../runtime.ts";
import type { RoutingTable } from "../../sharding/index.ts";
import type { MaxBlast } from "./max-blast.ts";
import type { NativeView } from "./native.ts";
import type { BlastRadius } from "./result.ts";

/** What the user lets a fault do. */
export interface GuardSettings {
  /** Undefined: half of the nodes, and one in any case. */
  maxBlast?: MaxBlast;
  /** True: a cluster that is not whole already may be hurt further, as far as every hash keeps enough serving owners. */
  allowDegraded?: boolean;
}

export interface GuardInput extends GuardSettings {
  cluster: ClusterConfig;
  fault: string;
  impact: BlastRadius["impact"];
  /** Ids of the nodes it would act on; of none for a fault of the cache. */
  nodes: readonly string[];
}

/** What the cluster is like just now. */
export interface Observation {
  /** Nodes that do not answer. */
  silent: readonly string[];
  /** Nodes under faults that last: of this process (one experiment), and of others, by their record's id. */
  own: readonly ActiveFault[];
  others: readonly ActiveFault[];
  /** Of a routed cluster. */
  tables: readonly RoutingTable[];
  /** Of a native one whose store says what it is. */
  native?: NativeView;
  /** Why the cache does not answer. */
  cacheProblem?: string;
}

export interface ActiveFault {
  id: string;
  fault: string;
  node: string;
  /** Whether the node cannot serve while it lasts. */
  silences: boolean;
}

export interface GuardDeps {
  runtime: Runtime;
  /** Replaced in tests. */
  observe?: (cluster: ClusterConfig, runtime: Runtime) => Promise<Observation>;
}
