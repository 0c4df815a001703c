import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { identify } from "../process-identity.ts";
import { Interrupted, type Runtime } from "../runtime.ts";
import { leaseRenewMs, leaseTtlMs, type Fault, type FaultDeps, type HealRecord, type Probe, type Target } from "./contract.ts";
import type { StoppedBy } from "./guard/result.ts";
import { healUntilGone, type HealOutcome } from "./heal.ts";
import { journalDir, removeRecord, writeRecord } from "./journal.ts";
import { allDone, lastFor, renewAll } from "./lasting.ts";
import type { FaultResult } from "./result.ts";
import { startWatchdog, type Watchdog } from "./watchdog-spawn.ts";

export interface Act<Options> {
  fault: Fault<Options>;
  cluster: string;
  /** The cluster's config, for faults that need more than their targets to be injected. */
  config?: ClusterConfig;
  targets: readonly Target[];
  options: Options;
  /** How long the fault lasts; undefined: until somebody heals it, and this returns as soon as it is injected. */
  forMs: number | undefined;
}

export interface ActDeps {
  runtime: Runtime;
  /** Progress in words, for people. */
  note: (text: string) => void;
  /** One a fault begun, one a fault proven gone, for the run's timeline. */
  event?: (phase: "start" | "end", detail: unknown) => void;
  /** Every target is broken now; `result` is what is known by then. */
  onInjected?: (result: FaultResult) => void;
  /** About once a second while the fault lasts. */
  onTick?: (leftMs: number) => void;
  /** Aborts: heal now. Its reason is a `StoppedBy`. */
  stop?: AbortSignal;
  /** What the cluster does once the fault is gone; called with when it was injected. Interrupted, it is left out. */
  recovery?: (injectedUs: number, signal: AbortSignal) => Promise<FaultResult["recovery"]>;
  /** Starts the watchdog over these ids; replaced in tests that simulate time. */
  guard?: typeof startWatchdog;
}

/**
 * One fault from its record to its proof, on one or several targets. Interrupted, it heals first and then throws the interruption.
 * @throws RagctlError exit 5 where a probe did not say "gone" in time: the records stay, and the watchdog goes on trying
 */
export async function runAct<Options>(act: Act<Options>, deps: ActDeps): Promise<FaultResult> {
  const { runtime } = deps;
  const { clock } = runtime;
  const { fault } = act;
  const dir = journalDir(runtime.stateDir);
  const records = await prepareRecords(act, runtime);
  const ids = records.map(({ id }) => id);
  const id = records[0]!.act;
  const on = act.targets.map(({ node }) => node).join(", ");
  const lasts = fault.reversible && act.forMs !== undefined;
  const stop = deps.stop ? AbortSignal.any([runtime.signal, deps.stop]) : runtime.signal;
  const guard = () => (deps.guard ?? startWatchdog)(dir, ids, runtime);
  let watchdog: Watchdog | undefined;
  let touched = false;
  try {
    for (const record of records) writeRecord(dir, record, clock.nowMs());
    if (lasts) watchdog = await guard();
    runtime.signal.throwIfAborted();
    if (deps.stop?.aborted) throw stoppedBefore(stoppedBy(deps.stop)!.reason);
    // A pause longer than the lease (Ctrl-Z, a sleeping laptop) before the first blow: the watchdog has cleared the records away.
    if (!renewAll(dir, ids, clock.nowMs())) throw leaseLost();
    touched = true;
    await allDone(records.map((record) => fault.inject(record, injectDeps(act, runtime))));
  } catch (error) {
    // Whatever was done before the failure is undone; the records of what was not done would only alarm later starts.
    const outcome: HealOutcome = touched && fault.reversible ? await healAll(fault, records, dir, runtime) : { probe: "gone" };
    if (outcome.probe !== "gone") throw unhealed(id, outcome, error);
    for (const each of ids) removeRecord(dir, each);
    throw error;
  }
  const injectedUs = clock.monotonicUs();
  const result: FaultResult = {
    id,
    fault: fault.name,
    cluster: act.cluster,
    targets: act.targets.map(targetOf),
    options: { ...(act.options as object) },
    injectedAt: clock.nowMs(),
    healedAt: null,
    healed: false,
    probe: fault.reversible ? "active" : "gone",
    healMs: null,
    stoppedBy: null,
    recovery: null,
  };
  deps.note(`${fault.name}: injected on ${on} (${id})`);
  deps.event?.("start", result);
  deps.onInjected?.(result);
  if (!fault.reversible) for (const each of ids) removeRecord(dir, each);
  if (!lasts || !watchdog) return result;

  await lastFor(act.forMs!, { fault, records, dir, watchdog, guard }, { ...deps, stop });
  deps.note(`${fault.name}: healing`);
  const healingUs = clock.monotonicUs();
  const outcome = await healAll(fault, records, dir, runtime);
  deps.event?.("end", { id, probe: outcome.probe });
  if (outcome.probe !== "gone") throw unhealed(id, outcome);
  const healMs = Math.round((clock.monotonicUs() - healingUs) / 1000);
  const healed: FaultResult = { ...result, healedAt: clock.nowMs(), healed: true, probe: "gone", healMs };
  if (!runtime.signal.aborted && deps.recovery) {
    const recovery = await deps.recovery(injectedUs, runtime.signal);
    if (!runtime.signal.aborted) return { ...healed, stoppedBy: stoppedBy(deps.stop), recovery };
  }
  if (runtime.signal.aborted) throw interrupted(healed, on, runtime.signal.reason);
  return { ...healed, stoppedBy: stoppedBy(deps.stop) };
}

async function prepareRecords<Options>(act: Act<Options>, runtime: Runtime): Promise<HealRecord[]> {
  const { clock } = runtime;
  const owner = identify(runtime.pid);
  if (!owner) throw new Error(`cannot tell when process ${runtime.pid} started`);
  const id = `${act.fault.name}-${Math.floor(clock.nowMs()).toString(36)}-${Math.floor(runtime.rng() * 36 ** 4)
    .toString(36)
    .padStart(4, "0")}`;
  const hold = act.forMs === undefined;
  const deps = { ...injectDeps(act, runtime), signal: runtime.signal, hold };
  const undos = await Promise.all(act.targets.map((target) => act.fault.prepare(target, act.options, deps)));
  return act.targets.map((target, index) => ({
    schemaVersion: 1,
    id: act.targets.length === 1 ? id : `${id}.${index + 1}`,
    act: id,
    fault: act.fault.name,
    cluster: act.cluster,
    target,
    undo: undos[index]!,
    createdAt: Math.floor(clock.nowMs()),
    lease: { owner, ttlMs: leaseTtlMs, hold },
  }));
}

function injectDeps<Options>({ config }: Act<Options>, { clock, execPath }: Runtime): FaultDeps {
  return { clock, execPath, ...(config ? { cluster: config } : {}) };
}

/** Only the second interruption stops healing: the watchdog takes over then. */
async function healAll<Options>(
  fault: Fault<Options>,
  records: readonly HealRecord[],
  dir: string,
  runtime: Runtime,
): Promise<HealOutcome> {
  const { clock, hardSignal } = runtime;
  let renewedUs = clock.monotonicUs();
  const ids = records.map(({ id }) => id);
  const tick = () => {
    if (clock.monotonicUs() - renewedUs < leaseRenewMs * 1000) return;
    renewedUs = clock.monotonicUs();
    renewAll(dir, ids, clock.nowMs());
  };
  const outcomes = await Promise.all(
    records.map(async (record) => {
      const outcome = await healUntilGone(fault, record, { clock, signal: hardSignal }, { tick });
      if (outcome.probe === "gone") removeRecord(dir, record.id);
      return outcome;
    }),
  );
  return outcomes.toSorted((a, b) => badness[b.probe] - badness[a.probe])[0]!;
}

const badness: Record<Probe, number> = { gone: 0, unknown: 1, active: 2 };

function targetOf(target: Target): FaultResult["targets"][number] {
  return { node: target.node, kind: target.kind, ...(target.kind === "process" ? { pid: target.process.pid } : {}) };
}

function stoppedBy(stop: AbortSignal | undefined): StoppedBy | null {
  return stop?.aborted ? (stop.reason as StoppedBy) : null;
}

/** Whoever presses Ctrl-C wants to know one thing: whether it is back. */
function interrupted(result: FaultResult, on: string, reason: unknown): RagctlError {
  const terminated = reason instanceof Interrupted && reason.signalName === "SIGTERM";
  const verb = result.targets.length === 1 ? "is" : "are";
  return new RagctlError(`interrupted: ${result.fault} is healed and proven gone, ${on} ${verb} back`, {
    code: "interrupted",
    exitCode: terminated ? ExitCode.terminated : ExitCode.interrupted,
    details: result,
    cause: reason,
  });
}

function stoppedBefore(why: string): RagctlError {
  return new RagctlError(`stopped before anything was injected: ${why}`, { code: "stopped", exitCode: ExitCode.refused });
}

function leaseLost(): RagctlError {
  return new RagctlError("ragctl was stopped for longer than the fault's lease before it was injected; nothing was injected", {
    code: "lease-lost",
    exitCode: ExitCode.refused,
    hint: "run it again",
  });
}

function unhealed(id: string, { probe, problem }: HealOutcome, cause?: unknown): RagctlError {
  return new RagctlError(
    `the fault ${id} is ${probe === "active" ? "still active" : "not proven gone"}: ${problem?.message ?? "its target does not answer yet"}`,
    {
      code: "fault-unhealed",
      exitCode: ExitCode.unhealed,
      hint: `${problem?.hint ? `${problem.hint}; then ` : ""}ragctl chaos heal ${id} tries again (a watchdog does, too)`,
      details: { id, probe },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
