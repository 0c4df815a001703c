import { zoneNumbers } from "./ring-walk.ts";
import type { Member, Segment } from "./segments.ts";

interface BoundedRing {
  /** Ascending; position i closes the arc [position i − 1, position i). */
  positions: ArrayLike<number>;
  /** The member whose virtual node is at each position. */
  nodes: ArrayLike<number>;
  members: readonly Member[];
  replicas: number;
  space: number;
  loadBound: number;
}

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2017), over arcs instead of keys: each member takes copies
 * up to (1 + ε) × its fair share; an arc whose clockwise owners are full goes on to the next ones that are not, and is
 * cut where one becomes full. The largest cap is kept wherever `replicas` distinct members have room left; where too
 * few have, the ones that are fullest least take more. A pure function of its arguments: the arcs are dealt out in the order of
 * a multiplicative scramble of their number, so that no stretch of the ring bears all of the spilling.
 */
export function boundedArcs({ positions, nodes, members, replicas, space, loadBound }: BoundedRing): Segment[] {
  const weights = members.map(({ weight }) => weight ?? 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // No member can hold more than one copy of everything, whatever its weight.
  const room = weights.map((weight) => Math.min(space, ((1 + loadBound) * replicas * space * weight) / total));
  const caps = [...room];
  const zones = zoneNumbers(members);
  let zonesOpen = new Set(zones).size;
  const segments: Segment[] = [];
  for (const index of scrambled(positions.length + 1)) {
    let lo = index === 0 ? 0 : positions[index - 1]!;
    const end = index === positions.length ? space : positions[index]!;
    while (lo < end) {
      const at = index === positions.length ? 0 : index;
      const owners = clockwise({ nodes, zones, replicas, at, room, zonesOpen });
      addLeastFull(owners, replicas, room, caps);
      const least = Math.min(...owners.map((member) => (room[member]! >= 1 ? Math.floor(room[member]!) : Infinity)));
      const hi = Math.min(end, lo + Math.max(1, least));
      for (const member of owners) room[member]! -= hi - lo;
      if (owners.some((member) => room[member]! < 1)) zonesOpen = new Set(zones.filter((_, member) => room[member]! >= 1)).size;
      segments.push({ lo, hi, owners: owners.map((member) => members[member]!.id), share: (hi - lo) / space });
      lo = hi;
    }
  }
  return segments.sort((a, b) => a.lo - b.lo);
}

interface Walk {
  nodes: ArrayLike<number>;
  zones: readonly number[];
  replicas: number;
  at: number;
  /** Positions that each member may still take. */
  room: readonly number[];
  /** Zones with a member that has room. */
  zonesOpen: number;
}

/** Clockwise from a position: members with room, at most `replicas` of them, those of unseen zones first. */
function clockwise({ nodes, zones, replicas, at, room, zonesOpen }: Walk): number[] {
  const taken: number[] = [];
  const passed: number[] = [];
  const seen = new Set<number>();
  const zonesSeen = new Set<number>();
  for (let step = 0; step < nodes.length && taken.length < replicas; step++) {
    const member = nodes[(at + step) % nodes.length]!;
    if (seen.has(member)) continue;
    seen.add(member);
    if (room[member]! < 1) continue;
    if (zonesSeen.has(zones[member]!)) passed.push(member);
    else {
      zonesSeen.add(zones[member]!);
      taken.push(member);
    }
    if (zonesSeen.size === zonesOpen && taken.length + passed.length >= replicas) break;
  }
  for (const member of passed) if (taken.length < replicas) taken.push(member);
  return taken;
}

/** Where too few have room: those with the largest part of theirs left. */
function addLeastFull(owners: number[], replicas: number, room: readonly number[], caps: readonly number[]): void {
  while (owners.length < replicas) {
    let best = -1;
    for (let member = 0; member < room.length; member++) {
      if (owners.includes(member)) continue;
      if (best === -1 || room[member]! / caps[member]! > room[best]! / caps[best]!) best = member;
    }
    owners.push(best);
  }
}

/** Every number below `count` once: a step that is near the golden section of it, and has no divisor with it. */
function* scrambled(count: number): Generator<number> {
  let step = Math.max(1, Math.round(count * 0.618_033_988_75));
  while (divisor(step, count) !== 1) step++;
  for (let i = 0, at = 0; i < count; i++, at = (at + step) % count) yield at;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
