import type { NodePool } from "../http/contract.ts";
import type { StoreControl } from "../stores/contract.ts";
import type { NodeStats } from "./balancer.ts";
import type { Breaker } from "./breaker.ts";
import type { Gate } from "./gate.ts";
import type { LatencyWindow } from "./latency-window.ts";
import type { Silence } from "./silence.ts";

/** One node as the client uses it. */
export interface ClusterNode {
  readonly id: string;
  readonly url: string;
  readonly pool: NodePool;
  readonly control: StoreControl;
  readonly stats: NodeStats;
  readonly breaker: Breaker;
  readonly gate: Gate;
  /** The narrow one beside it, for reads while the breaker is open. */
  readonly panicGate: Gate;
  readonly latencies: LatencyWindow;
  /** Whether it hangs, as those see it who wait for it. */
  readonly silence: Silence;
  /** What was told of its breaker last, and whether it was told that it is silent. */
  readonly told: { phase: Breaker["phase"]; step: number; silent: boolean };
}

/** A request that did not succeed, and what may be concluded from it. */
export interface NodeFailure {
  node: string;
  /** The node said no, and would again: it is the request that is wrong. */
  fatal: boolean;
  /** There was no answer, and the request may still land. */
  mayLand: boolean;
  timeout: boolean;
  /** It was not sent: too much is under way at the node already. */
  overload: boolean;
  /** Certainly nothing of it was done (it never left, or the answer says so), and a little later it may be: even a write may be repeated. */
  notDone: boolean;
  /** The node has no room for it, and will not have any until somebody makes some. */
  full?: true;
  /** How long the node asks to be left alone. */
  retryAfterMs?: number;
  /** Of the HTTP answer, where there was one. */
  status?: number;
  message: string;
}

/** As a part of something else. */
export function statusOf({ status }: Pick<NodeFailure, "status">): { status?: number } {
  return status === undefined ? {} : { status };
}

export type NodeAnswer = { body: Buffer; failure?: undefined } | { failure: NodeFailure };
