import type { Routing } from "../sharding/owners.ts";
import type { Point, PointId } from "../stores/contract.ts";
import { versionIn } from "./compare.ts";
import type { NodeIo } from "./io.ts";
import { idKey } from "./positions.ts";

/**
 * Leaves one copy of keys that are in several places: a writer that failed between storing a new vector and taking the old one away leaves
 * both, each where its own cell belongs. The newest stays, on all its owners. Only while writes are held.
 */
export async function settleDuplicates(io: NodeIo, routing: Routing, ids: readonly PointId[]): Promise<void> {
  const copies = new Map<string, { node: number; point: Point }[]>();
  for (const node of routing.everywhere) {
    const held = await io.fetch(routing.nodeIds[node]!, ids, { withVector: true, withPayload: true }, "once");
    for (const point of held) copies.set(idKey(point.id), [...(copies.get(idKey(point.id)) ?? []), { node, point }]);
  }
  const versionOf = ({ point }: { point: Point }) => versionIn(point.payload) ?? -1;
  for (const all of copies.values()) {
    const owned = all.filter(({ node, point }) => {
      const place = routing.placeOf(point.payload);
      return place !== undefined && routing.serves(node, place.position, place.to);
    });
    if (owned.length === 0) continue;
    const best = owned.reduce((top, copy) => (versionOf(copy) > versionOf(top) ? copy : top));
    const { position, to } = routing.placeOf(best.point.payload)!;
    const { read } = routing.setAt(position, to);
    for (const node of read) {
      const mine = all.find((copy) => copy.node === node);
      if (!mine || versionOf(mine) !== versionOf(best)) await io.upsert(routing.nodeIds[node]!, [best.point], "once");
    }
    for (const copy of all)
      if (!read.includes(copy.node) && versionOf(copy) !== versionOf(best))
        await io.remove(routing.nodeIds[copy.node]!, [copy.point.id], "once");
  }
}
