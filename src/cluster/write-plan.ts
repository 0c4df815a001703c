import { stampedPayload, type Stamp } from "../sharding/keys.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Move } from "../sharding/table.ts";
import type { Point, PointId } from "../stores/contract.ts";
import type { WriteRecord } from "./contract.ts";

/** One key of a batch: an upsert has a vector, a delete has none. */
export interface WriteItem {
  key: string;
  record?: WriteRecord;
}

/** What one key needs of whom. Nodes are indices of the routing. */
export interface PlannedKey {
  key: string;
  stamp: Stamp;
  record: WriteRecord | undefined;
  /** Must store the point, or, for a delete, remove it. */
  owners: readonly number[];
  /** Must remove what another placement of the key may have left (ROUTING.md, "Semantic tables"), but for `copies`. */
  elsewhere: readonly number[];
  /** Of those: keep a copy of it, since it lies near a boundary of theirs. */
  copies: readonly number[];
  /** Announced and paused moves that log this key. */
  moves: readonly Move[];
}

export interface WritePlan {
  keys: PlannedKey[];
  failed: { key: string; reason: string }[];
  /** Pauses that hold this batch: nothing may be sent before they have ended. */
  paused: readonly Move[];
}

/**
 * Who must do what for a batch under one routing. Pure. Keys without anybody to write to fail here; of a key named
 * twice in a batch, the last counts.
 */
export function planWrite(routing: Routing, items: readonly WriteItem[]): WritePlan {
  const byKey = new Map(items.map((item) => [item.key, item]));
  const keys: PlannedKey[] = [];
  const failed: WritePlan["failed"] = [];
  const paused = new Set<Move>();
  const open = routing.table.moves.filter((move) => move.phase !== "cutover");
  for (const { key, record } of byKey.values()) {
    const stamp = routing.stamper.stamp(key, record?.vector);
    const everywhere = routing.elsewhere && !record;
    const set = everywhere ? undefined : routing.setAt(stamp.position, stamp.to);
    // Who answers for it. Copies are made in the place of deletes, once it is stored.
    const home = set?.home ?? set;
    const owners = home?.write ?? routing.everywhere;
    const moves = routing.elsewhere ? open : (set?.moves ?? []);
    const elsewhere = routing.elsewhere && record ? routing.everywhere.filter((node) => !owners.includes(node)) : [];
    const copies = set?.home ? elsewhere.filter((node) => set.write.includes(node)) : [];
    if (owners.length === 0 || home?.read.length === 0) {
      failed.push({ key, reason: "no serving node owns it" });
      continue;
    }
    const quiet = [...owners, ...elsewhere].find((node) => routing.table.nodes[routing.nodeIds[node]!]!.quiet !== undefined);
    if (quiet !== undefined) {
      failed.push({
        key,
        reason: `${routing.nodeIds[quiet]} did not answer a write and cannot be marked stale; writes wait until it is settled`,
      });
      continue;
    }
    for (const move of moves) if (move.phase === "paused") paused.add(move);
    keys.push({ key, stamp, record, owners, elsewhere, copies, moves });
  }
  return { keys, failed, paused: [...paused] };
}

/** What one node is sent. */
export interface NodeWork {
  node: number;
  upsert: PlannedKey[];
  remove: PlannedKey[];
}

/** The first wave of a write: what owners are sent. What is taken away elsewhere waits for their answers. */
export function workByNode(keys: readonly PlannedKey[]): NodeWork[] {
  const work = new Map<number, NodeWork>();
  const of = (node: number) => {
    let mine = work.get(node);
    if (!mine) work.set(node, (mine = { node, upsert: [], remove: [] }));
    return mine;
  };
  for (const planned of keys) {
    for (const node of planned.owners) (planned.record ? of(node).upsert : of(node).remove).push(planned);
  }
  return [...work.values()];
}

/** The second wave: keys are taken away from everywhere else, or kept near a boundary; nothing is sent to nodes that are stale by now. */
export function removalsByNode(keys: readonly PlannedKey[], stale: ReadonlySet<number>): NodeWork[] {
  const work = new Map<number, NodeWork>();
  for (const planned of keys)
    for (const node of planned.elsewhere) {
      if (stale.has(node)) continue;
      const mine = work.get(node) ?? { node, upsert: [], remove: [] };
      work.set(node, mine);
      (planned.copies.includes(node) ? mine.upsert : mine.remove).push(planned);
    }
  return [...work.values()];
}

export function pointOf({ key, stamp, record }: PlannedKey, version: number): Point {
  return {
    id: stamp.id,
    vector: record!.vector,
    payload: stampedPayload(record!.payload, key, stamp, version),
  };
}

export function idsOf(keys: readonly PlannedKey[]): PointId[] {
  return keys.map(({ stamp }) => stamp.id);
}
