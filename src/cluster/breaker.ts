/** When a breaker opens and how it closes again. */
export interface BreakerPolicy {
  windowMs: number;
  minRequests: number;
  /** Opens above this share of failures. */
  errorRatio: number;
  /** For so long; doubled each time it opens again before it has been closed for a whole window. */
  openMs: number;
  maxOpenMs: number;
  /** Shares of the traffic that return one after the other, before all of it. */
  steps: readonly number[];
  stepMs: number;
  /** A good health probe ends the open state early. */
  probeCloses: boolean;
}

export const breakerPolicies = {
  rolling: {
    windowMs: 5_000,
    minRequests: 10,
    errorRatio: 0.5,
    openMs: 2_000,
    maxOpenMs: 30_000,
    steps: [0.1, 0.5],
    stepMs: 1_000,
    probeCloses: true,
  },
  /** The numbers that applications copy from each other: 10 requests, 50 %, 30 s, then everything at once. */
  fixed: {
    windowMs: 5_000,
    minRequests: 10,
    errorRatio: 0.5,
    openMs: 30_000,
    maxOpenMs: 30_000,
    steps: [],
    stepMs: 0,
    probeCloses: false,
  },
  off: undefined,
} as const satisfies Record<string, BreakerPolicy | undefined>;

const bucketCount = 10;

/** One node's breaker: numbers and an explicit clock, no timers. */
export interface Breaker {
  readonly policy: BreakerPolicy | undefined;
  phase: "closed" | "open" | "half-open";
  /** When the open state ends. */
  untilMs: number;
  /** How long the next open state lasts. */
  nextOpenMs: number;
  /** Index into `policy.steps` while half-open, and when that step began. */
  step: number;
  phaseSinceMs: number;
  /** Requests of the step. */
  stepOk: number;
  stepFailed: number;
  /** Its health was asked and not answered: whoever is let through before it is would wait for nothing. */
  silent: boolean;
  /** The rolling window: answers and failures by bucket of a tenth of it. */
  readonly ok: Float64Array;
  readonly failed: Float64Array;
  bucket: number;
}

export function newBreaker(policy: BreakerPolicy | undefined): Breaker {
  return {
    policy,
    phase: "closed",
    untilMs: 0,
    nextOpenMs: policy?.openMs ?? 0,
    step: 0,
    phaseSinceMs: -Infinity,
    stepOk: 0,
    stepFailed: 0,
    silent: false,
    ok: new Float64Array(bucketCount),
    failed: new Float64Array(bucketCount),
    bucket: 0,
  };
}

/**
 * A request ended; `failed`: no answer, a timeout, or an answer that says the node cannot.
 * @param beganMs what was sent before the breaker opened says nothing about a node that is being tried again
 */
export function recordOutcome(breaker: Breaker, nowMs: number, failed: boolean, beganMs = nowMs): void {
  const { policy } = breaker;
  // What time alone moves on comes first: closing clears the window, and this request belongs to the new one.
  if (policy) settle(breaker, nowMs);
  const at = turnTo(breaker, nowMs);
  if (failed) breaker.failed[at]!++;
  else breaker.ok[at]!++;
  if (!policy) return;
  if (breaker.phase === "half-open" && beganMs >= breaker.phaseSinceMs) {
    if (failed) breaker.stepFailed++;
    else breaker.stepOk++;
    if (breaker.stepFailed > breaker.stepOk) open(breaker, policy, nowMs);
    else settle(breaker, nowMs);
  } else if (breaker.phase === "closed" && failed) {
    const { requests, failures } = windowCounts(breaker, nowMs);
    if (requests >= policy.minRequests && failures / requests > policy.errorRatio) open(breaker, policy, nowMs);
  }
}

/** Its health was not answered either: it need not fail ten times more, and time alone does not end it. */
export function probeFailed(breaker: Breaker, nowMs: number): void {
  const { policy, phase } = breaker;
  breaker.silent = true;
  if (policy?.probeCloses && phase !== "open") open(breaker, policy, nowMs);
}

/** A health probe was answered well: an open breaker lets the first step through. */
export function probeSucceeded(breaker: Breaker, nowMs: number): void {
  breaker.silent = false;
  if (breaker.phase === "open" && breaker.policy?.probeCloses) halfOpen(breaker, nowMs, 0);
}

/**
 * The share of traffic that the node should get now: 0 open, a step while half-open, 1 closed. Open means: do not ask; a
 * step means: leave it out for the rest of the traffic where somebody else can answer.
 */
export function admittedShare(breaker: Breaker, nowMs: number): number {
  if (breaker.phase === "closed" || !breaker.policy) return 1;
  settle(breaker, nowMs);
  return shareOf(breaker, breaker.policy);
}

function shareOf(breaker: Breaker, policy: BreakerPolicy): number {
  if (breaker.phase === "open") return 0;
  return breaker.phase === "half-open" ? policy.steps[breaker.step]! : 1;
}

/** Over the rolling window; 0 where there was nothing. */
export function errorRate(breaker: Breaker, nowMs: number): number {
  const { requests, failures } = windowCounts(breaker, nowMs);
  return requests === 0 ? 0 : failures / requests;
}

/** Moves on what time alone moves on. */
function settle(breaker: Breaker, nowMs: number): void {
  const { policy } = breaker;
  const timeEnds = !(breaker.silent && policy!.probeCloses);
  if (breaker.phase === "open" && nowMs >= breaker.untilMs && timeEnds) halfOpen(breaker, nowMs, 0);
  if (breaker.phase === "half-open" && breaker.stepOk > 0 && nowMs >= breaker.phaseSinceMs + policy!.stepMs)
    halfOpen(breaker, nowMs, breaker.step + 1);
}

function open(breaker: Breaker, policy: BreakerPolicy, nowMs: number): void {
  const wasClosedLong = breaker.phase === "closed" && nowMs - breaker.phaseSinceMs >= policy.windowMs;
  const openMs = wasClosedLong ? policy.openMs : breaker.nextOpenMs;
  breaker.phase = "open";
  breaker.phaseSinceMs = nowMs;
  breaker.untilMs = nowMs + openMs;
  breaker.nextOpenMs = Math.min(policy.maxOpenMs, openMs * 2);
}

function halfOpen(breaker: Breaker, nowMs: number, step: number): void {
  const done = step >= breaker.policy!.steps.length;
  breaker.phase = done ? "closed" : "half-open";
  breaker.step = done ? 0 : step;
  breaker.phaseSinceMs = nowMs;
  breaker.stepOk = 0;
  breaker.stepFailed = 0;
  // What was before must not open it again.
  breaker.ok.fill(0);
  breaker.failed.fill(0);
}

function windowMsOf(breaker: Breaker): number {
  return breaker.policy?.windowMs ?? 5_000;
}

/** Clears the buckets that have fallen out of the window since, and gives the present one. */
function turnTo(breaker: Breaker, nowMs: number): number {
  const bucket = Math.floor(nowMs / (windowMsOf(breaker) / bucketCount));
  const passed = Math.min(bucketCount, bucket - breaker.bucket);
  for (let i = 0; i < passed; i++) {
    const index = (bucket - i) % bucketCount;
    breaker.ok[index] = 0;
    breaker.failed[index] = 0;
  }
  if (passed > 0) breaker.bucket = bucket;
  return breaker.bucket % bucketCount;
}

function windowCounts(breaker: Breaker, nowMs: number): { requests: number; failures: number } {
  turnTo(breaker, nowMs);
  let failures = 0;
  let requests = 0;
  for (let i = 0; i < bucketCount; i++) {
    failures += breaker.failed[i]!;
    requests += breaker.failed[i]! + breaker.ok[i]!;
  }
  return { requests, failures };
}
