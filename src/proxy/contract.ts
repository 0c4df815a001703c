import type { ProcessIdentity } from "../process-identity.ts";

/** One way through the fault proxy: where clients connect, and what stands behind. */
export interface ProxySpec {
  name: string;
  /** On this host alone. */
  host: string;
  port: number;
  upstreamPort: number;
}

/** towards the node (requests), away from it (answers), or both. */
type Direction = "both" | "to-node" | "from-node";
export type Distribution = "uniform" | "normal" | "pareto";

/** What is done to the connections before a node, those that are open already included. Numbers that a kind does not use are absent. */
export interface Impairment {
  /** Of whoever asked for it; nothing else tells two impairments apart. */
  id: string;
  kind: "partition" | "latency" | "loss" | "bandwidth" | "reset" | "wrong-answers";
  direction: Direction;
  /** Only connections from this client address (`127.0.0.2`). */
  from?: string;
  /** latency: added to what passes, per direction that is impaired. */
  delayMs?: number;
  jitterMs?: number;
  distribution?: Distribution;
  /** loss: share of the pieces, [0, 1], that come as late as a retransmission makes them. */
  lossRatio?: number;
  /** bandwidth: of all connections together, per direction. */
  bytesPerSec?: number;
  /** reset: an answer is cut after so many bytes, half-way where absent; `ratio` of the answers, all where absent. */
  afterBytes?: number;
  ratio?: number;
  /** wrong-answers: share of hits that are dropped from answers, and of those that remain, share that gets another id. */
  dropRatio?: number;
  wrongIdRatio?: number;
}

/** One line of JSON each; every answer is one line too. */
export type ProxyRequest =
  | { op: "status" }
  /** Exactly these proxies from now on; those that stay keep their connections and impairments. */
  | { op: "apply"; proxies: ProxySpec[] }
  /** Idempotent by id. Refused for an id that has been removed: a late renewal must not bring back what was healed. */
  | { op: "add"; proxy: string; impairment: Impairment }
  /** Idempotent. When it answers, nothing is held for its sake any more. */
  | { op: "remove"; proxy: string; id: string };

export interface ProxyState {
  name: string;
  port: number;
  upstreamPort: number;
  /** False while nothing listens behind it: then nobody is let in here either. */
  listening: boolean;
  connections: number;
  /** Since the process began. */
  bytesToNode: number;
  bytesFromNode: number;
  impairments: Impairment[];
}

export interface ProxyStatus {
  /** Another one after a restart, which forgets all impairments. */
  process: ProcessIdentity;
  proxies: ProxyState[];
}

export type ProxyReply = { ok: true; status: ProxyStatus } | { ok: false; error: string; code: "refused" | "unknown-proxy" };
