import { watchConditions, type StopWatch } from "../faults/guard/index.ts";
import type { StoppedBy } from "../faults/guard/result.ts";
import { askReady } from "../faults/ready.ts";
import { readTables } from "../status/tables.ts";
import type { Acts } from "./acts.ts";
import type { Brought } from "./assemble.ts";
import type { ExperimentDeps } from "./contract.ts";
import { holdsFrom } from "./measure/hold.ts";
import { runMethod, type MethodDeps, type MethodOutcome } from "./method.ts";
import type { PreparedExperiment } from "./prepare.ts";
import type { SteadyState } from "./steady.ts";
import type { TimelineLog } from "./timeline-log.ts";

const lookEveryMs = 250;

/** What became of the phases. */
export type Conducted = Pick<Brought, "steps" | "before" | "failed" | "recovered" | "stoppedBy">;

interface ConductorParts {
  warm: MethodDeps["warm"];
  prepared: PreparedExperiment;
  deps: ExperimentDeps;
  log: TimelineLog;
  steady: SteadyState;
  acts: Acts;
  /** Ends the method. */
  stop: AbortController;
  /** The load has ended, whatever the reason. */
  over: () => boolean;
}

/** Leads through the phases while the load runs. An interruption ends the phase, and with it the experiment; it is not thrown. */
export class Conductor {
  readonly #parts: ConductorParts;
  readonly #signal: AbortSignal;
  #stoppedBy: StoppedBy | null = null;

  constructor(parts: ConductorParts) {
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.deps.runtime.signal, parts.stop.signal]);
  }

  async all(): Promise<Conducted> {
    const { prepared, deps, acts, steady, log } = this.#parts;
    const { timeline, methodAtMs } = prepared;
    const skipped = timeline.steps.map(({ label, step }) => ({
      name: label,
      kind: step.kind,
      startMs: null,
      endMs: null,
      outcome: "skipped" as const,
    }));
    const none: Conducted = {
      steps: skipped,
      before: { verdict: "inconclusive", reasons: ["it was stopped before"] },
      failed: undefined,
      recovered: undefined,
      stoppedBy: null,
    };
    let watch: StopWatch | undefined;
    try {
      const before = await this.#phase("before", () => this.#before());
      if (before.verdict !== "held") return { ...none, before };
      watch = await this.#watchConditions();
      // Also while nothing but the end of a fault is waited for.
      this.#parts.stop.signal.addEventListener("abort", () => acts.stop(this.#whyStopped()), { once: true });
      let method: MethodOutcome = { steps: skipped, failed: undefined };
      try {
        method = await this.#phase("method", () =>
          runMethod(timeline, Math.max(methodAtMs, log.nowMs()), {
            runtime: deps.runtime,
            invoke: deps.invoke,
            note: deps.note,
            acts,
            log,
            signal: this.#signal,
            warm: this.#parts.warm,
            serving: () => this.#serving(),
            steady: () => steady.judged().at(-1)?.ok ?? false,
          }),
        );
      } finally {
        if (method.failed || this.#signal.aborted)
          acts.stop(method.failed && !this.#stoppedBy ? { kind: "command", reason: method.failed.message } : this.#whyStopped());
        await acts.allHealed();
      }
      const { steps } = method;
      const failed = this.#stoppedBy?.reason ?? method.failed?.message ?? this.#stopReason();
      const conducted = { steps, before, failed, recovered: undefined, stoppedBy: this.#stoppedBy };
      if (this.#signal.aborted || acts.unhealed.length > 0) return conducted;
      await watch?.end();
      return { ...conducted, recovered: await this.#phase("recovery", () => this.#recovery()) };
    } catch (error) {
      if (this.#signal.aborted || this.#parts.over()) return none;
      throw error;
    } finally {
      await watch?.end();
    }
  }

  /** From before the first step: what holds already is a reason not to begin. */
  async #watchConditions(): Promise<StopWatch | undefined> {
    const { prepared, deps, stop, log } = this.#parts;
    if (!prepared.stopOn) return undefined;
    const watch = await (deps.watchConditions ?? watchConditions)(prepared.stopOn, prepared.cluster, deps);
    watch.signal.addEventListener(
      "abort",
      () => {
        this.#stoppedBy = watch.signal.reason as StoppedBy;
        log.tell("experiment", "stopped", "start", this.#stoppedBy);
        deps.note(`stopping: ${this.#stoppedBy.reason}`);
        stop.abort(new Error(this.#stoppedBy.reason));
      },
      { once: true },
    );
    return watch;
  }

  async #phase<T>(name: "before" | "method" | "recovery", work: () => Promise<T>): Promise<T> {
    const { deps, log } = this.#parts;
    deps.onPhase?.(name);
    if (name !== "before") log.tell("experiment", name, "start");
    try {
      return await work();
    } finally {
      if (name !== "before") log.tell("experiment", name, "end");
    }
  }

  /** Waits for the calm stretch and judges it. */
  async #before(): Promise<Conducted["before"]> {
    const { prepared, steady, log } = this.#parts;
    const { before: lengthMs } = prepared.read.profile.steadyState;
    while (steady.knownMs < lengthMs) await this.#look();
    const { verdict, reasons } = steady.judge(0, lengthMs, prepared.before);
    const name = ({ pass: "held", fail: "failed", inconclusive: "inconclusive" } as const)[verdict];
    log.tell("experiment", "before", "end", { verdict: name });
    return { verdict: name, reasons };
  }

  /** Until the thresholds have held for long enough since the healing, and every node serves; or time is up. */
  async #recovery(): Promise<NonNullable<Conducted["recovered"]>> {
    const { prepared, steady, log } = this.#parts;
    const { within, stay, serving } = prepared.read.profile.recovery;
    const { window } = prepared.read.profile.steadyState;
    const healedMs = log.nowMs();
    let servingMs: number | undefined = serving ? undefined : healedMs;
    for (;;) {
      if (servingMs === undefined && (await this.#serving())) servingMs = log.nowMs();
      const judged = steady.judged();
      const lastMs = judged.at(-1)?.atMs ?? 0;
      // The traffic that returns to a node must not be what breaks it again.
      const holds = holdsFrom(judged, servingMs ?? healedMs, Number.POSITIVE_INFINITY);
      const held = servingMs !== undefined && holds !== undefined && lastMs + window - holds >= stay && lastMs >= holds;
      const inTime = holds !== undefined && holds <= healedMs + within;
      const servedInTime = servingMs !== undefined && servingMs <= healedMs + within;
      if (held && inTime && servedInTime) return { ok: true, missing: [] };
      // Stretches from just before the deadline on are known only later.
      const undecided =
        lastMs < healedMs + within + stay &&
        !this.#parts.over() &&
        log.nowMs() < healedMs + within + stay + window + prepared.load.profile.timeout + 2_000;
      if (!undecided || (log.nowMs() > healedMs + within && servingMs === undefined))
        return {
          ok: false,
          missing: [
            ...(inTime && held ? [] : ["the steady state did not hold again, and stay"]),
            ...(servedInTime ? [] : ["not every node serves"]),
          ],
        };
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    if (this.#parts.over()) throw new Error("the load ended");
    await this.#parts.deps.runtime.clock.sleep(lookEveryMs, this.#signal);
  }

  async #serving(): Promise<boolean> {
    const { prepared, deps } = this.#parts;
    const { cluster } = prepared;
    const [ready, tables] = await Promise.all([
      Promise.all(cluster.nodes.map(({ url }) => askReady(new URL("/readyz", url).href, { timeoutMs: 1_000 }))),
      readTables(cluster, deps.runtime).catch(() => undefined),
    ]);
    return (
      ready.every((state) => state === "yes") &&
      tables !== undefined &&
      tables.every(({ nodes }) => Object.values(nodes).every(({ state }) => state !== "stale"))
    );
  }

  #whyStopped(): StoppedBy {
    return this.#stoppedBy ?? { kind: "command", reason: this.#stopReason() ?? "interrupted" };
  }

  #stopReason(): string | undefined {
    const { reason } = this.#parts.stop.signal as { reason?: unknown };
    return this.#parts.stop.signal.aborted ? (reason as Error).message : undefined;
  }
}
