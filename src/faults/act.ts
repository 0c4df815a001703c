import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { identify } from "../process-identity.ts";
import type { Runtime } from "../runtime.ts";
import { leaseRenewMs, leaseTtlMs, type Fault, type FaultDeps, type HealRecord, type Probe, type Target } from "./contract.ts";
import { healUntilGone } from "./heal.ts";
import { journalDir, removeRecord, renewLease, writeRecord } from "./journal.ts";
import type { FaultResult } from "./result.ts";
import { startWatchdog } from "./watchdog-spawn.ts";

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
  /** Starts the watchdog over these ids; replaced in tests that simulate time. */
  guard?: (dir: string, ids: readonly string[], runtime: Runtime) => Promise<void>;
}

/**
 * One fault from its record to its proof, on one or several targets. Interrupted, it heals first and then throws the interruption.
 * @throws RagctlError exit 5 where a probe did not say "gone" in time: the records stay, and the watchdog goes on trying
 */
export async function runAct<Options>(act: Act<Options>, deps: ActDeps): Promise<FaultResult> {
  const { runtime } = deps;
  const { clock } = runtime;
  const dir = journalDir(runtime.stateDir);
  const records = await prepareRecords(act, runtime);
  const ids = records.map(({ id }) => id);
  const hold = act.forMs === undefined;
  let touched = false;
  try {
    for (const record of records) writeRecord(dir, record, clock.nowMs());
    if (!hold) await (deps.guard ?? startWatchdog)(dir, ids, runtime);
    runtime.signal.throwIfAborted();
    // A pause longer than the lease (Ctrl-Z, a sleeping laptop) before the first blow: the watchdog has cleared the records away.
    if (!renewAll(dir, ids, clock.nowMs())) throw leaseLost();
    touched = true;
    for (const record of records) await act.fault.inject(record, injectDeps(act, runtime));
  } catch (error) {
    // Whatever was done before the failure is undone; the records of what was not done would only alarm later starts.
    if (touched) await healAll(act.fault, records, dir, runtime);
    else for (const id of ids) removeRecord(dir, id);
    throw error;
  }
  const injectedAt = clock.nowMs();
  const base = {
    id: records[0]!.act,
    fault: act.fault.name,
    cluster: act.cluster,
    targets: act.targets.map(targetOf),
    injectedAt,
  };
  deps.note(`${act.fault.name}: injected on ${act.targets.map(({ node }) => node).join(", ")} (${base.id})`);
  deps.event?.("start", base);
  if (hold) return { ...base, healedAt: null, healed: false, probe: "active", healMs: null };

  await lastFor(act.forMs!, dir, ids, runtime);
  deps.note(`${act.fault.name}: healing`);
  const healingAt = clock.monotonicUs();
  const { probe, problem } = await healAll(act.fault, records, dir, runtime);
  deps.event?.("end", { id: base.id, probe });
  if (probe !== "gone") throw unhealed(base.id, probe, problem);
  const healMs = Math.round((clock.monotonicUs() - healingAt) / 1000);
  if (runtime.signal.aborted) throw runtime.signal.reason;
  return { ...base, healedAt: clock.nowMs(), healed: true, probe, healMs };
}

async function prepareRecords<Options>(act: Act<Options>, runtime: Runtime): Promise<HealRecord[]> {
  const { clock } = runtime;
  const owner = identify(runtime.pid);
  if (!owner) throw new Error(`cannot tell when process ${runtime.pid} started`);
  const id = `${act.fault.name}-${Math.floor(clock.nowMs()).toString(36)}-${Math.floor(runtime.rng() * 36 ** 4)
    .toString(36)
    .padStart(4, "0")}`;
  const records: HealRecord[] = [];
  for (const [index, target] of act.targets.entries())
    records.push({
      schemaVersion: 1,
      id: act.targets.length === 1 ? id : `${id}.${index + 1}`,
      act: id,
      fault: act.fault.name,
      cluster: act.cluster,
      target,
      undo: await act.fault.prepare(target, act.options, { ...injectDeps(act, runtime), hold: act.forMs === undefined }),
      createdAt: Math.floor(clock.nowMs()),
      lease: { owner, ttlMs: leaseTtlMs, hold: act.forMs === undefined },
    });
  return records;
}

function injectDeps<Options>({ config }: Act<Options>, { clock, execPath }: Runtime): FaultDeps {
  return { clock, execPath, ...(config ? { cluster: config } : {}) };
}

/** Waits, renewing; shorter where the user interrupts, or where somebody else has healed it all. */
async function lastFor(forMs: number, dir: string, ids: readonly string[], runtime: Runtime): Promise<void> {
  const endUs = runtime.clock.monotonicUs() + forMs * 1000;
  try {
    for (;;) {
      if (!renewAll(dir, ids, runtime.clock.nowMs())) return;
      const leftMs = (endUs - runtime.clock.monotonicUs()) / 1000;
      if (leftMs <= 0) return;
      await runtime.clock.sleep(Math.min(leaseRenewMs, leftMs), runtime.signal);
    }
  } catch (error) {
    if (!runtime.signal.aborted) throw error;
  }
}

/** @returns false where none of them is left */
function renewAll(dir: string, ids: readonly string[], nowMs: number): boolean {
  return ids.map((id) => renewLease(dir, id, nowMs)).some(Boolean);
}

/** Only the second interruption stops healing: the watchdog takes over then. */
async function healAll<Options>(fault: Fault<Options>, records: readonly HealRecord[], dir: string, runtime: Runtime) {
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

function leaseLost(): RagctlError {
  return new RagctlError("ragctl was stopped for longer than the fault's lease before it was injected; nothing was injected", {
    code: "lease-lost",
    exitCode: ExitCode.refused,
    hint: "run it again",
  });
}

function unhealed(id: string, probe: Probe, problem: { message: string; hint?: string } | undefined): RagctlError {
  return new RagctlError(
    `the fault ${id} is ${probe === "active" ? "still active" : "not proven gone"}: ${problem?.message ?? "its target does not answer yet"}`,
    {
      code: "fault-unhealed",
      exitCode: ExitCode.unhealed,
      hint: `${problem?.hint ? `${problem.hint}; then ` : ""}ragctl chaos heal ${id} tries again (a watchdog does, too)`,
      details: { id, probe },
    },
  );
}
