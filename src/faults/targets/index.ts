import type { ClusterConfig, NodeConfig } from "../../config/schema.ts";
import type { Target, TargetKind } from "../contract.ts";
import { processTarget } from "./process.ts";

/** One way to reach a node. `resolve` says what a fault may touch there, or in a sentence why it cannot. */
export interface TargetResolver {
  readonly kind: TargetKind;
  readonly summary: string;
  resolve(cluster: ClusterConfig, node: NodeConfig): Promise<{ target: Target } | { impossible: string }>;
}

/** Every way there is to reach a node. */
export const targets = { process: processTarget } as const satisfies Record<TargetKind, TargetResolver>;
