/** What the balancer remembers of one node: a few numbers, updated in place, since every answer updates them. */
export interface NodeStats {
  /** Exponentially weighted response time, µs; NaN until measured. */
  latencyUs: number;
  /** Slowest recent answer, fading, µs. */
  tailUs: number;
  /** Answers since it was first measured, or was well again; no more than `measuredFrom` are counted. */
  answers: number;
  /** When it last answered, monotonic µs. */
  measuredAtUs: number;
  /** Failures since the last answer. */
  failures: number;
  /** Requests under way, those that wait for their turn included. */
  inFlight: number;
}

export function newStats(): NodeStats {
  return { latencyUs: Number.NaN, tailUs: 0, answers: 0, measuredAtUs: -Infinity, failures: 0, inFlight: 0 };
}

const latencyFadesUs = 1e6;
const tailFadesUs = 5e6;
const idleFadesUs = 10e6;
/** However fast answers come, the mean is over about twenty of them at most. */
const leastWeight = 0.05;

/**
 * One answer: the mean moves towards it by how long ago the last one was, the tail jumps up at once and fades. Of the first ones the least is taken: what
 * connections and cold caches cost is paid once, and would keep everybody away from then on.
 */
export function observeAnswer(stats: NodeStats, latencyUs: number, nowUs: number): void {
  if (!isMeasured(stats)) {
    stats.answers++;
    stats.latencyUs = Number.isNaN(stats.latencyUs) ? latencyUs : Math.min(stats.latencyUs, latencyUs);
    return observeSign(stats, nowUs);
  }
  const elapsedUs = Math.max(0, nowUs - stats.measuredAtUs);
  const weight = Math.max(leastWeight, 1 - Math.exp(-elapsedUs / latencyFadesUs));
  stats.latencyUs += weight * (latencyUs - stats.latencyUs);
  stats.tailUs = Math.max(latencyUs, stats.tailUs * Math.exp(-elapsedUs / tailFadesUs));
  observeSign(stats, nowUs);
}

/** From so many answers on a node is known; until then it is asked like the best. */
const measuredFrom = 5;

export function isMeasured({ answers }: Pick<NodeStats, "answers">): boolean {
  return answers >= measuredFrom;
}

/** A sign of life, whose time says nothing. */
export function observeSign(stats: NodeStats, nowUs: number): void {
  stats.measuredAtUs = nowUs;
  stats.failures = 0;
}

/** It failed, and is well again: what was measured of its trouble would keep everybody away long after that has ended. */
export function startAnew(stats: NodeStats): void {
  Object.assign(stats, { latencyUs: Number.NaN, tailUs: 0, failures: 0, answers: 0 });
}

/** No answer after so long: the mean must not look better than that for want of an end to measure. */
export function observeSlow(stats: NodeStats, elapsedUs: number): void {
  stats.answers = measuredFrom;
  stats.latencyUs = Number.isNaN(stats.latencyUs) ? elapsedUs : Math.max(stats.latencyUs, (stats.latencyUs + elapsedUs) / 2);
  stats.tailUs = Math.max(stats.tailUs, elapsedUs);
}

/** What a score is made of. */
export interface Measured {
  /** NaN: not measured yet. */
  latencyUs: number;
  tailUs: number;
  /** Of recent requests, 0 to 1. */
  errorRate: number;
  inFlight: number;
  /** Consecutive failures, the last of them not yet followed by an answer or a good health probe. */
  failures: number;
  /** Since the last answer, µs. */
  idleUs: number;
  /** Utilisation, 0 to 1, where known. */
  cpu?: number;
  memory?: number;
}

/**
 * How bad it would be to ask this node, in µs or so; lower is better. Latency and a part of its tail, times the requests
 * ahead in the queue (as in peak-EWMA), times what errors and a busy processor or a full memory add. A measurement
 * fades, so that a node once slow is tried again; one that fails comes after all that do not. Unmeasured nodes come first.
 */
export function score(node: Measured): number {
  const base = Number.isNaN(node.latencyUs) ? 0 : (node.latencyUs + 0.1 * node.tailUs) * Math.exp(-node.idleUs / idleFadesUs);
  const pressure = (1 + 8 * node.errorRate) * crowding(node.cpu) * crowding(node.memory);
  return (base + 100) * (1 + node.inFlight) * pressure + Math.min(node.failures, 10) * 1e7;
}

/** 1 up to 70 % utilisation, then steeply more: 1/(1 − ρ) relative to that point. */
function crowding(utilisation: number | undefined): number {
  if (utilisation === undefined || utilisation <= 0.7) return 1;
  return 0.3 / Math.max(0.01, 1 - utilisation);
}

/** How steeply a worse score makes a node the one to go: half as slow again, in two of three cases among three; ten times, nearly always. */
const steepness = 3;

/**
 * Node indices, the worst first, drawn without replacement in proportion to score³: like nodes share the load, and a node
 * that was slow once (its first answer, say) is asked often enough to be found better. Exponential races: the order of
 * −ln(u)/weight is such a draw (Efraimidis and Spirakis, 2006).
 * @param scores one a node, above zero
 * @param random uniform in [0, 1)
 */
export function worstFirst(scores: readonly number[], random: () => number): number[] {
  const arrival = scores.map((value) => -Math.log(1 - random()) / value ** steepness);
  return arrival.map((_, index) => index).sort((a, b) => arrival[a]! - arrival[b]!);
}
