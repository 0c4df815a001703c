import type { Journal } from "./contract.ts";
import { moverDeps, type MigrationAccess } from "./access.ts";
import { holdFor } from "./access-lock.ts";
import type { HeldLock } from "./lock.ts";
import type { ShardVerifyResult } from "./result.ts";
import { TableAccess } from "./table.ts";
import { verifyCollection } from "./verify.ts";
import { repairFindings } from "./verify-repair.ts";

export interface VerifyRun {
  collection: string;
  repair: boolean;
  sample: number;
  patienceMs: number;
}

export interface VerifyRunDeps {
  access: MigrationAccess;
  journal: Journal;
  signal: AbortSignal;
  note: (text: string) => void;
}

/** Reading alone needs no lock. */
const noLock: Pick<HeldLock, "fence" | "unclean"> = {
  fence: {
    ensure() {
      throw new Error("a verification that only reads wants to write");
    },
    leaveUnclean: () => undefined,
  },
  unclean: false,
};

/** Verifies a routed collection; with `repair`, puts right what it found, under the cluster's lock, and verifies again. */
export async function runVerify(run: VerifyRun, deps: VerifyRunDeps): Promise<ShardVerifyResult> {
  const { access, journal, signal, note } = deps;
  const { collection, patienceMs, sample } = run;
  const { table } = await new TableAccess(access.state, collection).read();
  const of = (lock: typeof noLock) => moverDeps(access, { table, lock, journal, signal, patienceMs, note });
  const first = await verifyCollection(of(noLock), sample);
  const about = { cluster: access.cluster.name, collection, problems: [] };
  if (!run.repair || first.result.clean)
    return { ...about, ...first.result, repaired: run.repair ? { copied: 0, deleted: 0 } : null };
  const lock = await holdFor(access, "shard verify --repair");
  try {
    // What was wrong before the lock may have been a move's doing.
    const { findings } = await verifyCollection(of(lock), sample);
    journal.record("repair", "start", { points: findings.length });
    const repaired = await repairFindings(of(lock), findings);
    journal.record("repair", "end", repaired);
    const { result } = await verifyCollection(of(lock), sample);
    return { ...about, ...result, repaired };
  } finally {
    await lock.release();
  }
}
