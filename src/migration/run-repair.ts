import { targetOf } from "../cluster/aliases.ts";
import { RagctlError } from "../errors.ts";
import type { Journal } from "./contract.ts";
import { moverDeps, prepareNode, type MigrationAccess } from "./access.ts";
import { holdFor } from "./access-lock.ts";
import { nodeLock } from "./lock.ts";
import { repairNode, staleNodes } from "./repair.ts";
import type { ShardRepairResult } from "./result.ts";
import { TableAccess } from "./table.ts";

export interface RepairRun {
  /** One node alone. */
  node?: string;
  collection?: string;
  patienceMs: number;
}

export interface RepairRunDeps {
  access: MigrationAccess;
  journal: Journal;
  signal: AbortSignal;
  note: (text: string) => void;
}

/** Stale nodes of all tables, or of one. */
export async function findStale(access: MigrationAccess, collection?: string): Promise<{ collection: string; node: string }[]> {
  const { state } = access;
  const names =
    collection === undefined ? (await state.tables()).map((table) => table.collection) : [await targetOf(state, collection)];
  const found: { collection: string; node: string }[] = [];
  for (const name of names) {
    const table = await state.getTable(name);
    if (table) found.push(...staleNodes(table).map((node) => ({ collection: name, node })));
  }
  return found;
}

/**
 * Repairs every stale node that can be, one after the other, each under its node's lock; says of the others why not.
 * @throws the signal's reason, and RagctlError exit 3 where the state store cannot be reached
 */
export async function runRepairs(run: RepairRun, deps: RepairRunDeps): Promise<ShardRepairResult> {
  const { access, journal, signal, note } = deps;
  const { clock } = access.runtime;
  const result: ShardRepairResult = { cluster: access.cluster.name, repaired: [], stale: [] };
  const stale = await findStale(access, run.collection);
  for (const { collection, node } of stale) {
    if (run.node !== undefined && node !== run.node) continue;
    signal.throwIfAborted();
    const beganMs = clock.nowMs();
    let points = 0;
    try {
      const lock = await holdFor(access, `shard repair ${node}`, nodeLock(node));
      try {
        journal.record(`repair ${node}`, "start", { collection });
        const done = await repairNode(node, {
          ...moverDeps(access, {
            table: (await new TableAccess(access.state, collection).read()).table,
            lock,
            journal,
            signal,
            patienceMs: run.patienceMs,
            note,
            onCopied: (count) => (points += count),
          }),
          prepareNode: (id, url) => prepareNode(access, collection, id, url),
        });
        journal.record(`repair ${node}`, "end", { collection, points });
        if (done) result.repaired.push({ collection, node, points, elapsedMs: clock.nowMs() - beganMs });
      } finally {
        await lock.release();
      }
    } catch (error) {
      if (!(error instanceof RagctlError) || signal.aborted) throw error;
      result.stale.push({ collection, node, reason: error.message });
    }
  }
  return result;
}
