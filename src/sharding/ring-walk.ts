import type { Member } from "./segments.ts";

/**
 * The owners of each position of a ring: clockwise from it, collecting `replicas` distinct members, those of zones not seen
 * yet first, and those passed over, in order, where there are not enough zones.
 * @param nodes the member index at each position, in ring order
 * @returns owners' ids for each position; equal lists are the same array
 */
export function walkRing(nodes: ArrayLike<number>, members: readonly Member[], replicas: number): (readonly string[])[] {
  const zones = zoneNumbers(members);
  const zoneCount = new Set(zones).size;
  const interned = new Map<string, readonly string[]>();
  const single = members.map(({ id }) => [id]);
  // Stamps instead of sets: `seen[m] === position + 1` means that this walk has met member m.
  const seenMember = new Uint32Array(members.length);
  const seenZone = new Uint32Array(members.length);
  const taken: number[] = [];
  const passed: number[] = [];
  if (replicas === 1) return Array.from(nodes, (member) => single[member]!);
  return Array.from(nodes, (_, position) => {
    const stamp = position + 1;
    taken.length = 0;
    passed.length = 0;
    let zonesTaken = 0;
    for (let step = 0; step < nodes.length; step++) {
      if (taken.length === replicas || (zonesTaken === zoneCount && taken.length + passed.length >= replicas)) break;
      const at = position + step;
      const member = nodes[at < nodes.length ? at : at - nodes.length]!;
      if (seenMember[member] === stamp) continue;
      seenMember[member] = stamp;
      if (seenZone[zones[member]!] === stamp) passed.push(member);
      else {
        seenZone[zones[member]!] = stamp;
        zonesTaken++;
        taken.push(member);
      }
    }
    for (const member of passed) if (taken.length < replicas) taken.push(member);
    const key = taken.join(",");
    let owners = interned.get(key);
    if (!owners) interned.set(key, (owners = taken.map((member) => members[member]!.id)));
    return owners;
  });
}

/** A small number a zone; a member without a zone is one of its own. */
export function zoneNumbers(members: readonly Member[]): number[] {
  const numbers = new Map<string, number>();
  return members.map(({ id, zone }) => {
    const name = zone === undefined ? `node ${id}` : `zone ${zone}`;
    const known = numbers.get(name);
    if (known !== undefined) return known;
    numbers.set(name, numbers.size);
    return numbers.size - 1;
  });
}
