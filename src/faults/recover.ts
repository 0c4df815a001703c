import type { ClusterConfig } from "../config/schema.ts";
import { isAlive } from "../process-identity.ts";
import type { Runtime } from "../runtime.ts";
import type { Fault, HealRecord, Probe } from "./contract.ts";
import { isOf } from "./guard/active.ts";
import { healUntilGone } from "./heal.ts";
import { faultNamed } from "./index.ts";
import { journalDir, listRecords, removeRecord, type JournalEntry } from "./journal.ts";
import { leaseState, type LeaseState } from "./lease.ts";
import type { FaultStatus, HealResult } from "./result.ts";

/** How long a start of ragctl may spend on what an earlier one left. */
const leftoverHealMs = 10_000;

/** Heals records that nobody answers for; those that a living owner renews, and those that shall last until asked, are left alone. */
export async function recoverLeftovers(runtime: Runtime, warn: (text: string) => void): Promise<void> {
  const dir = journalDir(runtime.stateDir);
  const { entries, broken } = listRecords(dir);
  for (const { path, problem } of broken)
    warn(`${path} is not a readable heal record (${problem}); see what it says, then delete it`);
  await Promise.all(
    entries.map(async (entry) => {
      const { record } = entry;
      const state = stateOf(entry, runtime);
      if (state === "owned") return;
      const fault = faultNamed(record.fault);
      if (!fault) return warn(`the fault ${record.id} was left by another version of ragctl, which must heal it`);
      if (state === "held") return void (await clearIfGone(fault, record, dir, runtime));
      const { probe, problem } = await healUntilGone(fault, record, depsOf(runtime), { timeoutMs: leftoverHealMs });
      if (probe === "gone") {
        removeRecord(dir, record.id);
        warn(`healed ${record.fault} on ${record.target.node}, which an earlier ragctl (pid ${record.lease.owner.pid}) left`);
      } else
        warn(
          `${record.fault} on ${record.target.node}, left by an earlier ragctl, is not healed yet (${problem?.message ?? probe}); ` +
            `ragctl chaos heal ${record.id} tries again`,
        );
    }),
  );
}

/**
 * What is active now. Records that a probe proves gone, and nobody owns, are cleared away on the way.
 * @param cluster looks at faults of this one alone
 */
export async function faultStatus(runtime: Runtime, cluster?: Pick<ClusterConfig, "name" | "source">): Promise<FaultStatus> {
  const dir = journalDir(runtime.stateDir);
  const { entries: all, broken } = listRecords(dir);
  const entries = cluster ? all.filter(({ record }) => isOf(record, cluster)) : all;
  const active = await Promise.all(
    entries.map(async (entry) => {
      const { record, renewedAtMs } = entry;
      const fault = faultNamed(record.fault);
      const alive = isAlive(record.lease.owner);
      const gone = fault && stateOf(entry, runtime) !== "owned" && (await clearIfGone(fault, record, dir, runtime));
      if (gone) return [];
      const probe: Probe = fault ? await fault.probe(record, depsOf(runtime)) : "unknown";
      return [
        {
          id: record.id,
          fault: record.fault,
          cluster: record.cluster,
          target: record.target.node,
          since: record.createdAt,
          leaseEndsAt: record.lease.hold ? null : Math.round(renewedAtMs + record.lease.ttlMs),
          owner: { pid: record.lease.owner.pid, alive },
          probe,
        },
      ];
    }),
  );
  return { active: active.flat(), broken };
}

/**
 * Heals these records, whoever owns them.
 * @param ids of records or of acts; undefined: all
 * @returns `failed` holds those that are not proven gone
 */
export async function healRecords(runtime: Runtime, ids: readonly string[] | undefined): Promise<HealResult> {
  const dir = journalDir(runtime.stateDir);
  const { entries, broken } = listRecords(dir);
  const chosen = entries.filter(({ record }) => !ids || ids.includes(record.id) || ids.includes(record.act));
  const result: HealResult = { healed: [], failed: [] };
  await Promise.all(
    chosen.map(async ({ record }) => {
      const fault = faultNamed(record.fault);
      const { probe, problem } = fault
        ? await healUntilGone(fault, record, depsOf(runtime))
        : { probe: "unknown" as const, problem: { message: `this version of ragctl knows no fault "${record.fault}"` } };
      if (probe === "gone") removeRecord(dir, record.id);
      const row = { id: record.id, fault: record.fault, target: record.target.node, probe };
      if (probe === "gone") result.healed.push(row);
      else result.failed.push({ ...row, problem: problem ? sentence(problem) : "its target does not answer yet" });
    }),
  );
  if (!ids)
    for (const { path, problem } of broken)
      result.failed.push({
        id: path,
        fault: "unknown",
        target: "unknown",
        probe: "unknown",
        problem: `not a heal record: ${problem}`,
      });
  return result;
}

async function clearIfGone(fault: Fault, record: HealRecord, dir: string, runtime: Runtime): Promise<boolean> {
  if ((await fault.probe(record, depsOf(runtime))) !== "gone") return false;
  removeRecord(dir, record.id);
  return true;
}

function stateOf({ record, renewedAtMs }: JournalEntry, runtime: Runtime): LeaseState {
  return leaseState({
    hold: record.lease.hold,
    ttlMs: record.lease.ttlMs,
    ownerAlive: isAlive(record.lease.owner),
    nowMs: runtime.clock.nowMs(),
    renewedAtMs,
    unchangedForMs: 0,
  });
}

function depsOf(runtime: Runtime) {
  return { clock: runtime.clock, signal: runtime.hardSignal };
}

function sentence({ message, hint }: { message: string; hint?: string }): string {
  return hint ? `${message} (${hint})` : message;
}
