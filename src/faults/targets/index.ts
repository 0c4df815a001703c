import type { ClusterConfig, NodeConfig } from "../../config/schema.ts";
import type { Target, TargetKind } from "../contract.ts";
import { processTarget } from "./process.ts";
import { serviceTarget } from "./service.ts";
import { proxyTarget } from "./proxy.ts";
import { sshTarget } from "./ssh.ts";
import { toxiproxyTarget } from "./toxiproxy.ts";

/** What a fault is injected into: a node of the config, or the cluster's cache as if it were one (id `cache`, its redis:// url). */
export type Subject = Pick<NodeConfig, "id" | "url" | "target"> & { role: "node" | "cache" };

/** One way to reach a node. `resolve` says what a fault may touch there, or in a sentence why it cannot. */
export interface TargetResolver {
  readonly kind: TargetKind;
  readonly summary: string;
  resolve(cluster: ClusterConfig, subject: Subject): Promise<{ target: Target } | { impossible: string }>;
}

/** Every way there is to reach a node; a kind without a line here cannot be reached. Containers and pods would be two lines more. */
export const targets: { readonly [K in TargetKind]?: TargetResolver } = {
  process: processTarget,
  service: serviceTarget,
  proxy: proxyTarget,
  toxiproxy: toxiproxyTarget,
  ssh: sshTarget,
};
