import { TransportError, type NodePool, type PoolOptions, type PreparedRequest } from "../http/contract.ts";
import type { ClusterConfig, NodeConfig } from "../config/schema.ts";
import { RagctlError } from "../errors.ts";
import { runAfter, type Clock } from "../runtime.ts";
import type { DataFace, NodeEndpoint, VectorStoreDriver } from "../stores/contract.ts";
import { admittedShare, breakerPolicies, errorRate, newBreaker, probeFailed, probeSucceeded, recordOutcome } from "./breaker.ts";
import { askHealth, hangs, type HealthQuestion } from "./ask-health.ts";
import { latePart } from "./attempt.ts";
import { isMeasured, newStats, observeAnswer, observeSign, observeSlow, score, startAnew } from "./balancer.ts";
import type { NodeBalance, NodeOutcome } from "./contract.ts";
import { HedgeTally, type Tell } from "./events.ts";
import { Gate } from "./gate.ts";
import { HealthProbe, probeTimeoutMs } from "./health-probe.ts";
import { LatencyWindow } from "./latency-window.ts";
import { LoopDelay } from "./loop-delay.ts";
import type { ClusterNode, NodeAnswer } from "./node.ts";
import { tellOfNode } from "./node-events.ts";
import { Silence, type Attempt } from "./silence.ts";

export interface NodesDeps {
  driver: VectorStoreDriver;
  createPool: (options: PoolOptions) => NodePool;
  endpointOf: (cluster: ClusterConfig, node: NodeConfig) => NodeEndpoint;
  poolOptionsOf: (driver: VectorStoreDriver, endpoint: NodeEndpoint) => PoolOptions;
  clock: Clock;
  /** Takes what happens to the nodes. */
  tell?: Tell;
}

/** What a node or a proxy in front of it says when it gave up waiting: the work may still be done. */
const unfinishedStatus = new Set([408, 502, 504]);
/** Where the config says none: "one request timeout" of ROUTING.md. */
export const defaultRequestTimeoutMs = 5_000;
/** As few as a node that is coming back can bear, and enough to show that it answers. */
const panicMaxInFlight = 8;
/** Waiting requests of one node, for each that may be under way. */
const waitingPerTurn = 4;
/** Other nodes that are asked beside one that may hang. */
const mostWitnesses = 3;

/** The nodes of a cluster: one pool, balance and breaker each. Nodes that only a table knows are added as they are met. */
export class ClusterNodes {
  readonly #cluster: ClusterConfig;
  readonly #deps: NodesDeps;
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #closing = new AbortController();
  readonly #fullTimeoutMs: number;
  /** False: nodes are asked whatever became of earlier requests (`breaker: off`), for seeing what that costs. */
  readonly #protects: boolean;
  readonly #tell: Tell;
  readonly #hedges: HedgeTally;
  readonly #probe: HealthProbe;
  readonly #delay: LoopDelay;

  constructor(cluster: ClusterConfig, deps: NodesDeps) {
    this.#cluster = cluster;
    this.#deps = deps;
    this.#fullTimeoutMs = cluster.store.timeout ?? defaultRequestTimeoutMs;
    this.#protects = cluster.routing.breaker !== "off";
    this.#tell = deps.tell ?? (() => {});
    this.#hedges = new HedgeTally(this.#tell, deps.clock);
    this.#delay = new LoopDelay(deps.clock);
    this.#probe = new HealthProbe({
      clock: deps.clock,
      ask: (node) => askHealth(this.#questionOf(node)),
      signal: this.#closing.signal,
      nodes: () => this.all,
      onWell: (node) => this.#well(node),
      onSilent: (node) => this.#silent(node),
    });
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
    const { maxInFlightPerNode: maxInFlight } = this.#cluster.routing;
    const control = driver.control(endpoint);
    const stats = newStats();
    const latencies = new LatencyWindow();
    const node: ClusterNode = {
      id: config.id,
      url: config.url,
      pool: createPool({ ...poolOptionsOf(driver, endpoint), clock }),
      control,
      stats,
      breaker: newBreaker(breakerPolicies[this.#cluster.routing.breaker]),
      gate: gateOf(maxInFlight, clock),
      panicGate: gateOf(Math.min(panicMaxInFlight, maxInFlight), clock),
      latencies,
      silence: new Silence({
        clock,
        lastAnswerUs: () => stats.measuredAtUs,
        usualUs: () => latencies.p95Us,
        health: async () => !this.#protects || !(await hangs(this.#questionOf(node))),
        onSilent: (suspects) => {
          this.#silent(node);
          for (const attempt of suspects) this.#failed(node, true, attempt);
          void this.#probe.untilWell();
        },
      }),
      told: { phase: "closed", step: 0, silent: false },
    };
    this.#nodes.set(config.id, node);
    return node;
  }

  /** A node's health, with what the answer is to be weighed against. */
  #questionOf(node: ClusterNode): HealthQuestion {
    const { signal } = this.#closing;
    const answers = async ({ control }: ClusterNode) =>
      (await control.health({ timeoutMs: probeTimeoutMs, signal }).catch(() => ({ ok: true }))).ok;
    // Who answered last is the likeliest to.
    const others = this.all
      .filter((other) => other !== node)
      .toSorted((a, b) => b.stats.measuredAtUs - a.stats.measuredAtUs)
      .slice(0, mostWitnesses);
    return {
      ask: () => answers(node),
      withinMs: probeTimeoutMs,
      askOthers: others.length === 0 ? undefined : async () => await anyOf(others.map(answers)),
      delay: this.#delay,
    };
  }

  /** For `send` and `slow` of the same request. */
  newAttempt(): Attempt {
    const { clock } = this.#deps;
    return { beganUs: clock.monotonicUs(), beganMs: clock.nowMs(), blamed: false };
  }

  /**
   * Sends one request to one node, measuring it. Never rejects: a failure is an answer here; an abort by `signal` too. Waits for its turn
   * where much is under way at the node already; of reads of a node whose breaker is open, only a few are sent at a time.
   * @param outcomes gets one entry more
   */
  async send(
    node: ClusterNode,
    face: DataFace,
    request: PreparedRequest,
    options: { timeoutMs: number; signal?: AbortSignal | undefined; attempt?: Attempt },
    outcomes: NodeOutcome[],
  ): Promise<NodeAnswer> {
    const { clock } = this.#deps;
    const { stats, breaker } = node;
    const { signal, attempt = this.newAttempt() } = options;
    const { beganUs, beganMs } = attempt;
    const write = request.kind === "write";
    const gate = !write && admittedShare(breaker, beganMs) === 0 ? node.panicGate : node.gate;
    let { timeoutMs } = options;
    stats.inFlight++;
    const turn = gate.enter(timeoutMs, write);
    let sentUs = beganUs;
    if (turn !== true) {
      const entered = await turn;
      sentUs = clock.monotonicUs();
      if (!entered) {
        stats.inFlight--;
        return turnedAway(node, gate, { node: node.id, sentUs: beganUs, endUs: clock.monotonicUs() }, outcomes);
      }
      timeoutMs = Math.max(1, timeoutMs - (sentUs - beganUs) / 1000);
    }
    const lateUs = options.timeoutMs * 1000 * latePart;
    try {
      const answer = await node.pool.send(request, signal ? { timeoutMs, signal } : { timeoutMs });
      const entry: NodeOutcome = { node: node.id, sentUs: answer.sentUs, endUs: answer.endUs, outcome: "ok" };
      outcomes.push(entry);
      if (!write) gate.answered(sentUs, answer.endUs, answer.endUs - sentUs > lateUs);
      if (answer.status < 300) {
        const latencyUs = answer.endUs - beganUs;
        // What was given up and comes all the same, when the node is back, says how long it was away and not how fast it is.
        if (attempt.blamed) observeSign(stats, answer.endUs);
        else {
          observeAnswer(stats, latencyUs, answer.endUs);
          node.latencies.record(latencyUs);
        }
        recordOutcome(breaker, beganMs + latencyUs / 1000, false, beganMs);
        breaker.silent = false;
        tellOfNode(this.#tell, node);
        return { body: answer.body };
      }
      const { kind, message, full, notDone, retryAfterMs } = face.failure(answer.status, answer.body, answer.headers);
      entry.outcome = "error";
      entry.detail = message;
      const fatal = kind === "fatal";
      this.#failed(node, !fatal, attempt);
      return {
        failure: {
          node: node.id,
          fatal,
          mayLand: unfinishedStatus.has(answer.status),
          timeout: false,
          overload: false,
          notDone: notDone === true,
          ...(full && { full }),
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
          status: answer.status,
          message: `${node.id}: ${message}`,
        },
      };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      const aborted = signal?.aborted === true;
      const timeout = error.failure === "timeout";
      const outcome = aborted ? "cancelled" : timeout ? "timeout" : "error";
      outcomes.push({ node: node.id, sentUs: beganUs, endUs: clock.monotonicUs(), outcome, detail: error.message });
      if (timeout && !write) gate.late(sentUs, clock.monotonicUs());
      // A limit of our own that is shorter than the node's says little of a node that answers others.
      if (timeout && timeoutMs < this.#fullTimeoutMs) this.slow(node, attempt);
      else if (!aborted) this.#failed(node, true, attempt);
      const mayLand = error.maybeDelivered;
      const notDone = !mayLand && error.failure === "connect";
      const message = `${node.id}: ${error.message}`;
      return { failure: { node: node.id, fatal: false, mayLand, timeout, overload: false, notDone, message } };
    } finally {
      stats.inFlight--;
      gate.leave();
    }
  }

  /**
   * A request has taken long, and may go on. Where the node has not answered anything else in the meantime, its health decides
   * whether it counts as failing.
   */
  slow(node: ClusterNode, attempt: Attempt): void {
    const nowUs = this.#deps.clock.monotonicUs();
    observeSlow(node.stats, nowUs - attempt.beganUs);
    node.silence.suspect(attempt);
  }

  #failed(node: ClusterNode, counts: boolean, attempt: Attempt): void {
    if (attempt.blamed) return;
    attempt.blamed = counts;
    recordOutcome(node.breaker, this.#deps.clock.nowMs(), counts, attempt.beganMs);
    tellOfNode(this.#tell, node);
    if (!counts || !this.#protects) return;
    node.stats.failures++;
    void this.#probe.untilWell();
  }

  /** Others are asked in its place, because it takes long. */
  hedged(node: ClusterNode): void {
    this.#hedges.add(node.id);
  }

  #silent(node: ClusterNode): void {
    probeFailed(node.breaker, this.#deps.clock.nowMs());
    tellOfNode(this.#tell, node);
  }

  #well(node: ClusterNode): void {
    if (node.breaker.silent) startAnew(node.stats);
    node.stats.failures = 0;
    probeSucceeded(node.breaker, this.#deps.clock.nowMs());
    tellOfNode(this.#tell, node);
  }

  /** How bad it would be to ask this node now; lower is better. */
  scoreOf({ stats, breaker }: ClusterNode, nowMs: number, nowUs: number): number {
    return score({
      latencyUs: isMeasured(stats) ? stats.latencyUs : Number.NaN,
      tailUs: stats.tailUs,
      errorRate: this.#protects ? errorRate(breaker, nowMs) : 0,
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
    this.#hedges.close();
    await Promise.all(this.all.map(({ pool }) => pool.close()));
  }
}

/** True with the first that is, false where none is. */
async function anyOf(answers: readonly Promise<boolean>[]): Promise<boolean> {
  return await Promise.any(answers.map(async (each) => (await each) || Promise.reject(new Error("no answer")))).catch(
    () => false,
  );
}

function gateOf(maxInFlight: number, clock: Clock): Gate {
  return new Gate({ maxInFlight, maxWaiting: waitingPerTurn * maxInFlight }, (ms, run) => runAfter(clock, ms, run));
}

function turnedAway(
  node: ClusterNode,
  { inside, waiting }: Gate,
  entry: Omit<NodeOutcome, "outcome">,
  outcomes: NodeOutcome[],
): NodeAnswer {
  const detail = `overload: ${inside} requests are under way and ${waiting} wait for their turn`;
  outcomes.push({ ...entry, outcome: "error", detail });
  const message = `${node.id}: ${detail}`;
  return { failure: { node: node.id, fatal: false, mayLand: false, timeout: false, overload: true, notDone: true, message } };
}
