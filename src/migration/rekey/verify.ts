import type { RoutingTable } from "../../sharding/table.ts";
import { plural } from "../../units.ts";
import { field, physicalOf, positionFieldOf } from "../../sharding/table.ts";
import { cellKey, cellKeys } from "../../sharding/native-table.ts";
import type { DataFace, PointId } from "../../stores/contract.ts";
import type { NativeSend } from "../../cluster/native/send.ts";
import { mergedScans } from "../beside/merged.ts";
import type { Seen } from "../compare.ts";
import type { ShardVerifyResult } from "../result.ts";
import { scanStore } from "./scan.ts";
import { inTurns } from "./turns.ts";

export interface CellsDeps {
  sender: Pick<NativeSend, "read" | "write">;
  face: (physical: string) => DataFace;
  signal: AbortSignal;
}

interface Finding {
  id: PointId;
  kind: "twice" | "misplaced";
  highest: number | undefined;
  /** The keys under which it has that version. */
  best: string[];
  keys: string[];
}

const examplesShown = 10;
const readsAtOnce = 8;

/**
 * Every point of a native collection with cells: under one key, and that of its cell. What a writer that died has left under two keys is found, and
 * with `repair` the older copy is deleted.
 */
export async function verifyCells(
  table: RoutingTable,
  deps: CellsDeps,
  repair: boolean,
): Promise<
  Pick<ShardVerifyResult, "checked" | "orphaned" | "different" | "examples" | "repaired" | "problems"> & { clean: boolean }
> {
  const found = await findings(table, deps);
  let deleted = 0;
  const data = deps.face(physicalOf(table));
  const keys = cellKeys(table.partitioner)!;
  if (repair)
    for (const { id, kind, highest, best } of found.list) {
      if (kind !== "twice" || highest === undefined) continue;
      // Of two writers at one instant both may have the highest: either may stay, but one. What is newer than was seen stays in any case.
      const older = { must: [{ has_id: [id] }, { key: field.version, range: { lt: highest } }] };
      const asOld = { must: [{ has_id: [id] }, { key: field.version, range: { lte: highest } }] };
      const others = best.slice(1);
      const requests = [
        data.prepareDelete({ filter: older }, { wait: true, shardKeys: keys }),
        ...(others.length > 0 ? [data.prepareDelete({ filter: asOld }, { wait: true, shardKeys: others })] : []),
      ];
      const failures = await Promise.all(requests.map((request) => deps.sender.write(data, request, {})));
      if (failures.every((failure) => failure === undefined)) deleted++;
    }
  const after = deleted > 0 ? await findings(table, deps) : found;
  const twice = after.list.filter(({ kind }) => kind === "twice").length;
  const misplaced = after.list.length - twice;
  return {
    clean: after.list.length === 0,
    checked: after.checked,
    orphaned: twice,
    different: misplaced,
    examples: after.list.slice(0, examplesShown).map(({ id, kind, keys: of }) => ({
      key: String(id),
      problem: kind === "twice" ? ("orphaned" as const) : ("different" as const),
      node: of.join(", "),
      detail: kind === "twice" ? "is under several keys: the newest counts" : "is not under the key of its cell",
    })),
    repaired: repair ? { copied: 0, deleted } : null,
    problems: [
      ...(twice > 0 ? [`under several keys: ${plural(twice, "point")}`] : []),
      ...(misplaced > 0 ? [`not under the key of its cell: ${plural(misplaced, "point")}`] : []),
    ],
  };
}

async function findings(table: RoutingTable, deps: CellsDeps): Promise<{ checked: number; list: Finding[] }> {
  const cellField = positionFieldOf(table.partitioner);
  const data = deps.face(physicalOf(table));
  const { sender, signal } = deps;
  const inTurn = inTurns(readsAtOnce);
  const scans = cellKeys(table.partitioner)!.map((key) => ({
    of: key,
    pages: scanStore(data, { fields: [field.version, cellField], shardKeys: [key], signal }, (request, parse) =>
      inTurn(() => sender.read(data, request, { signal }, parse)),
    ),
  }));
  const list: Finding[] = [];
  let checked = 0;
  for await (const { id, copies } of mergedScans(scans)) {
    checked++;
    const keys = copies.map(({ of }) => of);
    const versions = copies.flatMap(({ seen }) => (seen.version === undefined ? [] : [seen.version]));
    const highest = versions.length > 0 ? Math.max(...versions) : undefined;
    const best = copies.filter(({ seen }) => seen.version === highest).map(({ of }) => of);
    if (copies.length > 1) list.push({ id, kind: "twice", highest, best, keys });
    else if (keyOf(copies[0]!.seen, cellField) !== keys[0]) list.push({ id, kind: "misplaced", highest, best, keys });
  }
  return { checked, list };
}

function keyOf({ payload }: Seen, cellField: string): string | undefined {
  const cell = payload[cellField];
  return typeof cell === "number" ? cellKey(cell) : undefined;
}
