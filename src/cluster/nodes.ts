import { hostname } from "node:os";
import { TransportError, type NodePool, type PoolOptions, type PreparedRequest } from "../http/contract.ts";
import type { ClusterConfig, NodeConfig } from "../config/schema.ts";
import { RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { DataFace, NodeEndpoint, StoreControl, VectorStoreDriver } from "../stores/contract.ts";
import { admittedShare, breakerPolicies, errorRate, newBreaker, probeSucceeded, recordOutcome, type Breaker } from "./breaker.ts";
import { newStats, observeAnswer, score, type NodeStats } from "./balancer.ts";
import type { NodeBalance, NodeOutcome } from "./contract.ts";

/** One node as the client uses it. */
export interface ClusterNode {
  readonly id: string;
  readonly url: string;
  readonly pool: NodePool;
  readonly control: StoreControl;
  readonly stats: NodeStats;
  readonly breaker: Breaker;
}

/** A request that did not succeed, and what may be concluded from it. */
export interface NodeFailure {
  node: string;
  /** The node said no, and would again: it is the request that is wrong. */
  fatal: boolean;
  /** There was no answer, and the request may still land. */
  mayLand: boolean;
  timeout: boolean;
  message: string;
}
export type NodeAnswer = { body: Buffer; failure?: undefined } | { failure: NodeFailure };

export interface NodesDeps {
  driver: VectorStoreDriver;
  createPool: (options: PoolOptions) => NodePool;
  endpointOf: (cluster: ClusterConfig, node: NodeConfig) => NodeEndpoint;
  poolOptionsOf: (driver: VectorStoreDriver, endpoint: NodeEndpoint) => PoolOptions;
  clock: Clock;
}

/** What a node or a proxy in front of it says when it gave up waiting: the work may still be done. */
const unfinishedStatus = new Set([408, 502, 504]);
const probeEveryMs = 500;
const probeTimeoutMs = 1_000;

/** The nodes of a cluster: one pool, balance and breaker each. Nodes that only a table knows are added as they are met. */
export class ClusterNodes {
  readonly #cluster: ClusterConfig;
  readonly #deps: NodesDeps;
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #closing = new AbortController();
  #probing = false;

  constructor(cluster: ClusterConfig, deps: NodesDeps) {
    this.#cluster = cluster;
    this.#deps = deps;
    for (const node of cluster.nodes) this.#add(node);
  }

  get all(): readonly ClusterNode[] {
    return [...this.#nodes.values()];
  }

  /** @throws RagctlError exit 2 for a node that neither the config nor a table names */
  get(id: string): ClusterNode {
    const node = this.#nodes.get(id);
    if (node) return node;
    throw new RagctlError(`Cluster ${this.#cluster.name} has no node ${id}.`, {
      code: "no-such-node",
      exitCode: 2,
      hint: `Its nodes: ${[...this.#nodes.keys()].join(", ")}.`,
    });
  }

  /** A node of a routing table: the config's entry where it has one, else the table's URL with the cluster's credentials. */
  ofTable(id: string, url: string): ClusterNode {
    return this.#nodes.get(id) ?? this.#add({ id, url, weight: 1 });
  }

  #add(config: NodeConfig): ClusterNode {
    const { driver, createPool, endpointOf, poolOptionsOf, clock } = this.#deps;
    const endpoint = endpointOf(this.#cluster, config);
    const node: ClusterNode = {
      id: config.id,
      url: config.url,
      pool: createPool({ ...poolOptionsOf(driver, endpoint), clock }),
      control: driver.control(endpoint),
      stats: newStats(),
      breaker: newBreaker(breakerPolicies[this.#cluster.routing.breaker]),
    };
    this.#nodes.set(config.id, node);
    return node;
  }

  /**
   * Sends one request to one node, measuring it. Never rejects: a failure is an answer here; an abort by `signal` too.
   * @param outcomes gets one entry more
   */
  async send(
    node: ClusterNode,
    face: DataFace,
    request: PreparedRequest,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
    outcomes: NodeOutcome[],
  ): Promise<NodeAnswer> {
    const { clock } = this.#deps;
    const { stats, breaker } = node;
    const startUs = clock.monotonicUs();
    const beganMs = clock.nowMs();
    stats.inFlight++;
    try {
      const answer = await node.pool.send(
        request,
        options.signal ? { timeoutMs: options.timeoutMs, signal: options.signal } : { timeoutMs: options.timeoutMs },
      );
      const entry: NodeOutcome = { node: node.id, sentUs: answer.sentUs, endUs: answer.endUs, outcome: "ok" };
      outcomes.push(entry);
      if (answer.status < 300) {
        observeAnswer(stats, answer.endUs - startUs, answer.endUs);
        recordOutcome(breaker, beganMs + (answer.endUs - startUs) / 1000, false, beganMs);
        return { body: answer.body };
      }
      const { kind, message } = face.failure(answer.status, answer.body, answer.headers);
      entry.outcome = "error";
      entry.detail = message;
      const fatal = kind === "fatal";
      this.#failed(node, !fatal, beganMs);
      const mayLand = unfinishedStatus.has(answer.status);
      return { failure: { node: node.id, fatal, mayLand, timeout: false, message: `${node.id}: ${message}` } };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      const aborted = options.signal?.aborted === true;
      const timeout = error.failure === "timeout";
      const outcome = aborted ? "cancelled" : timeout ? "timeout" : "error";
      outcomes.push({ node: node.id, sentUs: startUs, endUs: clock.monotonicUs(), outcome, detail: error.message });
      if (!aborted) this.#failed(node, true, beganMs);
      return {
        failure: { node: node.id, fatal: false, mayLand: error.maybeDelivered, timeout, message: `${node.id}: ${error.message}` },
      };
    } finally {
      stats.inFlight--;
    }
  }

  #failed(node: ClusterNode, counts: boolean, beganMs: number): void {
    recordOutcome(node.breaker, this.#deps.clock.nowMs(), counts, beganMs);
    if (!counts) return;
    node.stats.failures++;
    void this.#probeUntilWell();
  }

  /** While some node fails, asks its health twice a second, so that it is back in use soon after it is back. */
  async #probeUntilWell(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    const { clock } = this.#deps;
    const { signal } = this.#closing;
    try {
      for (;;) {
        await clock.sleep(probeEveryMs, signal, { ref: false });
        const sick = this.all.filter(({ stats, breaker }) => stats.failures > 0 || breaker.phase === "open");
        if (sick.length === 0) return;
        await Promise.all(
          sick.map(async (node) => {
            const { ok } = await node.control.health({ timeoutMs: probeTimeoutMs, signal });
            if (!ok) return;
            node.stats.failures = 0;
            probeSucceeded(node.breaker, clock.nowMs());
          }),
        );
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#probing = false;
    }
  }

  /** How bad it would be to ask this node now; lower is better. */
  scoreOf({ stats, breaker }: ClusterNode, nowMs: number, nowUs: number): number {
    return score({
      latencyUs: stats.latencyUs,
      tailUs: stats.tailUs,
      errorRate: errorRate(breaker, nowMs),
      inFlight: stats.inFlight,
      failures: stats.failures,
      idleUs: nowUs - stats.measuredAtUs,
    });
  }

  balance(): NodeBalance[] {
    const nowMs = this.#deps.clock.nowMs();
    return this.all.map(({ id, stats, breaker }) => {
      admittedShare(breaker, nowMs);
      return {
        node: id,
        breaker: breaker.phase,
        ...(Number.isNaN(stats.latencyUs) ? {} : { latencyUs: stats.latencyUs }),
        inFlight: stats.inFlight,
        errorRate: errorRate(breaker, nowMs),
      };
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("the client is closed"));
    await Promise.all(this.all.map(({ pool }) => pool.close()));
  }
}

/** For leases and locks: which machine this is. */
export const thisHost = hostname();
