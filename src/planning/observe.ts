import { positionFieldOf, type PartitionerSpec, type RoutingTable } from "../sharding/table.ts";
import type { Amount } from "../sharding/plan/contract.ts";
import { weighParts } from "../sharding/plan/weigh.ts";
import { loadsOf, type LoadModel } from "../sharding/plan/loads.ts";
import { placementOf } from "../sharding/owners.ts";
import type { Placement } from "../sharding/segments.ts";
import type { Filter } from "../stores/contract.ts";
import { pointsOn, type NodeAccess, type Nodes } from "./node-access.ts";
import { plural } from "../units.ts";

/** What a live routed collection was found to hold. */
export interface Observed {
  /** By member that answered. */
  measured: Map<string, Amount>;
  /** Members and joining nodes that did not answer: why. */
  unreachable: Map<string, string>;
  model: LoadModel;
  /** How bytes were come by. */
  notes: string[];
}

const sampledPoints = 100;
/** Partitions (ranges, cells) that are counted one by one. */
const countedPartitions = 4_096;
const asksAtOnce = 8;

/** Counts what each node holds, and guesses what a point is worth from its vector and a sample of payloads. */
export async function observe(table: RoutingTable, nodes: Nodes): Promise<Observed> {
  const counts = new Map<string, number>();
  /** Of those, what it owns: the others are copies near boundaries. */
  const owned = new Map<string, number>();
  const placement = placementOf(table);
  const unreachable = new Map<string, string>();
  const payloads: number[] = [];
  await Promise.all(
    Object.entries(table.nodes).map(async ([id, { state }]) => {
      try {
        const node = nodes.of(id);
        counts.set(id, await pointsOn(node, state === "joining"));
        owned.set(id, table.spill ? await node.count(ownFilter(table, placement, id)) : counts.get(id)!);
        if (state !== "joining" && counts.get(id)! > 0) payloads.push(...(await payloadBytes(node)));
      } catch (error) {
        unreachable.set(id, (error as Error).message);
      }
    }),
  );
  const payload = payloads.length === 0 ? 0 : payloads.reduce((sum, bytes) => sum + bytes, 0) / payloads.length;
  const bytesPerPoint = table.vector.size * 4 + payload;
  const points = distinctPoints(placement, owned);
  const model: LoadModel = { points, bytes: points * bytesPerPoint };
  const notes = [
    `bytes are an estimate: 4 × ${table.vector.size} for the vector and ${Math.round(payload)} for the payload, as in a sample of ${plural(payloads.length, "point")}; indexes are not in it`,
  ];
  const counted = await countPartitions(table, placement, nodes, unreachable);
  if (counted === "too many") notes.push(`more than ${countedPartitions} partitions: their points are taken to be spread evenly`);
  else if (counted) model.pointsIn = counted;
  const measured = new Map(
    table.members.flatMap((id): [string, Amount][] => {
      const count = counts.get(id);
      return count === undefined ? [] : [[id, { points: count, bytes: count * bytesPerPoint }]];
    }),
  );
  return { measured, unreachable, model, notes };
}

async function payloadBytes(node: NodeAccess): Promise<number[]> {
  return (await node.sample(sampledPoints)).map(({ payload }) => Buffer.byteLength(JSON.stringify(payload ?? {})));
}

/** Points, each once: what the members that answer hold, by the share of all copies that is theirs. */
function distinctPoints(placement: Placement, counts: ReadonlyMap<string, number>): number {
  const copies = loadsOf(placement, { points: 1, bytes: 0 });
  let held = 0;
  let share = 0;
  for (const [id, { points }] of copies) {
    const count = counts.get(id);
    if (count === undefined) continue;
    held += count;
    share += points;
  }
  return share > 0 ? held / share : 0;
}

/** For placements whose partitions are not of equal size: points of each, counted on the first owner that answers. */
async function countPartitions(
  { partitioner }: RoutingTable,
  placement: Placement,
  nodes: Nodes,
  unreachable: ReadonlyMap<string, string>,
): Promise<LoadModel["pointsIn"] | "too many"> {
  if (partitioner.kind !== "range" && partitioner.kind !== "semantic") return undefined;
  const edges =
    partitioner.kind === "range"
      ? [0, ...partitioner.bounds, placement.space]
      : Array.from({ length: placement.space + 1 }, (_, cell) => cell);
  if (edges.length > countedPartitions) return "too many";
  const parts = edges.slice(0, -1).map((lo, index) => ({ lo, hi: edges[index + 1]!, amount: 0 }));
  const queue = parts.values();
  await Promise.all(
    Array.from({ length: asksAtOnce }, async () => {
      for (const part of queue) {
        const owner = placement.ownersOfHash(part.lo).find((id) => !unreachable.has(id));
        if (owner !== undefined) part.amount = await nodes.of(owner).count(partFilter(partitioner, part));
      }
    }),
  );
  return weighParts(parts);
}

function ownFilter({ partitioner }: RoutingTable, placement: Placement, id: string): Filter {
  const any = placement.segments().flatMap(({ lo, hi, owners }) => (owners.includes(id) ? cellsIn(lo, hi) : []));
  return { must: [{ key: positionFieldOf(partitioner), match: { any } }] };
}

function cellsIn(lo: number, hi: number): number[] {
  return Array.from({ length: hi - lo }, (_, index) => lo + index);
}

function partFilter(partitioner: PartitionerSpec, { lo, hi }: { lo: number; hi: number }): Filter {
  const key = positionFieldOf(partitioner);
  return { must: [partitioner.kind === "semantic" ? { key, match: { value: lo } } : { key, range: { gte: lo, lt: hi } }] };
}
