import { ExitCode } from "../errors.ts";
import type { GuardSettings } from "../faults/guard/index.ts";
import { askReady } from "../faults/ready.ts";
import { deleteWrites } from "../load/mixed/cleanup.ts";
import { runTag } from "../load/mixed/run-key.ts";
import { runProfile } from "../load/profile/run.ts";
import type { LoadResult } from "../load/result.ts";
import { windowsFile } from "../load/windows/file.ts";
import { join } from "node:path";
import { readTables } from "../status/tables.ts";
import { Acts } from "./acts.ts";
import { assembleResult, type Brought } from "./assemble.ts";
import type { ExperimentDeps } from "./contract.ts";
import { holdsFrom } from "./measure/hold.ts";
import { runMethod, type MethodOutcome } from "./method.ts";
import type { PreparedExperiment } from "./prepare.ts";
import type { ExperimentResult } from "./result.ts";
import { dropCollections, makeCollections, ownCollections } from "./setup.ts";
import { SteadyState } from "./steady.ts";
import { TimelineLog } from "./timeline-log.ts";

const lookEveryMs = 250;

export interface ExperimentOptions {
  prepared: PreparedExperiment;
  guards: GuardSettings;
  /** A collection of its own, or what was written, stays. */
  keep: boolean;
}

/**
 * One experiment: steady state under load → method under the same load → healing → recovery → audit of the writes. Interrupted, it heals and reports what
 * there is. The caller holds the cluster's experiment lock.
 * @throws RagctlError exit 2 and 3 before anything is broken; where the load itself fails later, once everything is healed
 */
export async function runExperiment(
  { prepared, guards, keep }: ExperimentOptions,
  deps: ExperimentDeps,
): Promise<ExperimentResult> {
  const { runtime, run } = deps;
  const { cluster, setup } = prepared;
  const log = new TimelineLog(run, runtime.clock);
  let made = false;
  try {
    if (setup) {
      deps.onPhase?.("setup");
      made = true;
      await makeCollections(cluster, setup, runtime, runtime.signal);
    }
    return await underLoad({ prepared, guards, keep }, log, deps);
  } finally {
    if (setup && made && !keep)
      await dropCollections(cluster, setup, runtime).catch((error: unknown) =>
        deps.warn(
          `${ownCollections(setup).join(" and ")} may be left behind: ${(error as Error).message}; the next experiment replaces it`,
        ),
      );
  }
}

async function underLoad(
  { prepared, guards, keep }: ExperimentOptions,
  log: TimelineLog,
  deps: ExperimentDeps,
): Promise<ExperimentResult> {
  const { runtime, run, note, warn } = deps;
  const { cluster, load, read } = prepared;
  const { clock } = runtime;
  const scopes = Object.entries(load.profile.scenarios).map(([name, { operation }]) => ({ name, operation: operation.kind }));
  const steady = new SteadyState(prepared.after, scopes, read.profile.steadyState.window);
  const collections = writtenTo(prepared);
  const watcher = collections.length > 0 ? await deps.openChecker?.(collections) : undefined;
  const tag = runTag(Math.floor(runtime.rng() * 2 ** 32));

  const endLoad = new AbortController();
  let over = false;
  const loading = runProfile(
    { read: load, cluster, thresholds: [], tag, keepWrites: true },
    {
      clock,
      rng: runtime.rng,
      versions: runtime.versions,
      platform: runtime.platform,
      cwd: runtime.cwd,
      stateDir: runtime.stateDir,
      pid: runtime.pid,
      // Ctrl-C heals first: the load goes on until that is done.
      signal: endLoad.signal,
      hardSignal: runtime.hardSignal,
      windowsFile: join(run.dir, windowsFile),
      note,
      warn,
      events: log.poll,
      onEvent: (event) => log.fromLoad(event),
      onRecord: (record) => steady.add(record),
      ...(watcher && { onObserved: (operations) => watcher.observe(operations) }),
      ...(deps.onProgress && { onProgress: deps.onProgress }),
    },
  );
  const failedLoad = loading.then(
    () => (over = true),
    () => (over = true),
  );
  const acts = new Acts(cluster, deps, log, guards, (act) => stop.abort(new Error(`${act.fault}: ${act.problem!.message}`)));
  const stop = new AbortController();
  const conduct = new Conductor({ prepared, deps, log, steady, acts, stop, over: () => over });
  let outcome: Conducted;
  try {
    outcome = await conduct.all();
  } finally {
    acts.stop({ kind: "command", reason: "the experiment ended" });
    await acts.allHealed();
    endLoad.abort(new Error("the experiment is over"));
    await failedLoad;
  }
  let result: LoadResult;
  try {
    result = await loading;
  } finally {
    if (acts.records.length > 0) note("everything is healed");
  }

  let writes: ExperimentResult["writes"] = null;
  if (watcher && !runtime.hardSignal.aborted && acts.unhealed.length === 0) {
    deps.onPhase?.("audit");
    log.tell("experiment", "audit", "start");
    writes = await watcher.audit();
    log.tell("experiment", "audit", "end", writes);
  }
  if (!keep && !prepared.setup)
    for (const collection of collections)
      await deleteWrites({ cluster, collection, tag }, { clock, rng: runtime.rng, cwd: runtime.cwd });
  const interrupted = runtime.signal.aborted;
  return assembleResult({
    ...outcome,
    prepared,
    load: withAll(result, log),
    acts: acts.records,
    unhealed: acts.unhealed,
    judged: steady.judged(),
    judge: (fromMs, toMs) => steady.judge(fromMs, toMs),
    writes,
    interrupted,
    endMs: steady.knownMs,
  });
}

/** The load's timeline with what came after its end. It was ended by the experiment, not by anybody's Ctrl-C. */
function withAll(result: LoadResult, log: TimelineLog): LoadResult {
  const late = log
    .poll()
    .map(({ at, ...event }) => Object.assign(event, { atMs: Math.round(at - Date.parse(result.startedAt)) }));
  return { ...result, interrupted: false, events: [...result.events, ...late].toSorted((a, b) => a.atMs - b.atMs) };
}

/** Collections that the load writes to. */
function writtenTo({ load, cluster }: PreparedExperiment): string[] {
  const upserts = Object.values(load.profile.scenarios).flatMap(({ operation }) =>
    operation.kind === "upsert" ? (operation.collection ?? cluster.store.collection ?? []) : [],
  );
  return [...new Set(upserts)];
}

type Conducted = Pick<Brought, "steps" | "before" | "failed" | "recovered">;

interface ConductorParts {
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
class Conductor {
  readonly #parts: ConductorParts;
  readonly #signal: AbortSignal;

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
    };
    try {
      const before = await this.#phase("before", () => this.#before());
      if (before.verdict !== "held") return { ...none, before };
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
            serving: () => this.#serving(),
            steady: () => steady.judged().at(-1)?.ok ?? false,
          }),
        );
      } finally {
        if (method.failed || this.#signal.aborted)
          acts.stop({ kind: "command", reason: method.failed?.message ?? "interrupted" });
        await acts.allHealed();
      }
      const { steps } = method;
      const failed = method.failed?.message ?? this.#stopReason();
      if (this.#signal.aborted || acts.unhealed.length > 0) return { steps, before, failed, recovered: undefined };
      return { steps, before, failed, recovered: await this.#phase("recovery", () => this.#recovery()) };
    } catch (error) {
      if (this.#signal.aborted || this.#parts.over()) return none;
      throw error;
    }
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

  #stopReason(): string | undefined {
    const { reason } = this.#parts.stop.signal as { reason?: unknown };
    return this.#parts.stop.signal.aborted ? (reason as Error).message : undefined;
  }
}

/** The command's exit code: what is not healed comes first, then what was refused, then the verdict. */
export function experimentExitCode({ verdict, unhealed, steps }: ExperimentResult): ExitCode {
  if (unhealed.length > 0) return ExitCode.unhealed;
  if (steps.some(({ outcome }) => outcome === "refused")) return ExitCode.refused;
  return { pass: ExitCode.ok, fail: ExitCode.failed, inconclusive: ExitCode.inconclusive }[verdict];
}
