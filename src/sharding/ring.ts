import { RagctlError } from "../errors.ts";
import { hash32, md5Whole } from "./hash.ts";
import { segmented, type Member, type Placement, type Segment } from "./segments.ts";
import { boundedArcs } from "./bounded-load.ts";
import { sortedOrder } from "./radix-sort.ts";
import { walkRing } from "./ring-walk.ts";
import type { RingSpec } from "./table.ts";
import { virtualNodePositions } from "./virtual-nodes.ts";

/** Virtual nodes at most: hundreds of megabytes beyond, and no cluster that needs them. */
const maxVirtualNodes = 2 ** 21;
const space32 = 2 ** 32;

/**
 * The consistent-hash ring, as Python's usual ones are (`bisect` over sorted positions): `virtualNodes` × weight points a
 * member, hashed from `{node}:{i}`; a key belongs to the first position strictly greater than its hash, wrapping; where
 * two positions collide, the later one wins. Replicas follow clockwise (see `walkRing`).
 */
export function createRing(spec: RingSpec, members: readonly Member[], replicas: number): Placement {
  const counts = members.map((member) => Math.max(1, Math.round(spec.virtualNodes * (member.weight ?? 1))));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total > maxVirtualNodes)
    throw new RagctlError(`A ring of ${total} virtual nodes is too large: ${maxVirtualNodes} at most.`, {
      code: "ring-too-large",
      exitCode: 2,
      hint: "Use fewer virtual nodes.",
    });
  if (spec.loadBound !== undefined && (spec.hash === "md5-128" || !(spec.loadBound > 0)))
    throw new RagctlError("A bounded load needs an ε above zero, and a ring of 32 bits.", {
      code: "load-bound",
      exitCode: 2,
      hint: "For example 0.25, with xxh32 or md5-32.",
    });
  return spec.hash === "md5-128" ? ring128(counts, members, replicas) : ring32(spec, counts, members, replicas);
}

function ring32(spec: RingSpec, counts: number[], members: readonly Member[], replicas: number): Placement {
  const hash = hash32(spec.hash);
  const all = new Uint32Array(counts.reduce((sum, count) => sum + count, 0));
  const memberOf = new Uint32Array(all.length);
  let filled = 0;
  for (const [index, { id }] of members.entries()) {
    const count = counts[index]!;
    all.set(virtualNodePositions(spec.hash, hash, id, count), filled);
    memberOf.fill(index, filled, (filled += count));
  }
  const order = sortedOrder(all);
  const positions = new Float64Array(all.length);
  const nodes = new Uint32Array(all.length);
  let size = 0;
  for (let at = 0; at < order.length; at++) {
    const index = order[at]!;
    const position = all[index]!;
    // The later of two that collide wins.
    if (size > 0 && positions[size - 1] === position) size--;
    positions[size] = position;
    nodes[size++] = memberOf[index]!;
  }
  const ring = { positions: positions.subarray(0, size), nodes: nodes.subarray(0, size) };
  const base = { coordinate: "hash" as const, space: space32, members: members.map(({ id }) => id), replicas };
  if (spec.loadBound !== undefined) {
    const bounded = boundedArcs({ ...ring, members, replicas, space: space32, loadBound: spec.loadBound });
    return segmented(base, bounded, hash);
  }
  return segmented(base, arcs(ring.positions, space32, walkRing(ring.nodes, members, replicas)), hash);
}

/** The whole digest: exact for keys (BigInt positions); segments carry the positions as doubles, good to 2^-53 of the space. */
function ring128(counts: number[], members: readonly Member[], replicas: number): Placement {
  const memberAt = new Map<bigint, number>();
  for (const [index, { id }] of members.entries())
    for (let i = 0; i < counts[index]!; i++) memberAt.set(md5Whole(`${id}:${i}`), index);
  const positions = [...memberAt.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const owners = walkRing(
    positions.map((position) => memberAt.get(position)!),
    members,
    replicas,
  );
  const space = 2 ** 128;
  const base = { coordinate: "hash" as const, space, members: members.map(({ id }) => id), replicas };
  const placement = segmented(base, arcs(positions.map(Number), space, owners), (key) => Number(md5Whole(key)));
  return {
    ...placement,
    ownersOfKey(key) {
      const hash = md5Whole(key);
      let low = 0;
      let high = positions.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (positions[middle]! > hash) high = middle;
        else low = middle + 1;
      }
      return owners[low === positions.length ? 0 : low]!;
    },
  };
}

/** Position i owns [position i−1, position i); the first also owns what lies beyond the last. */
function arcs(positions: ArrayLike<number>, space: number, owners: readonly (readonly string[])[]): Segment[] {
  const result: Segment[] = [];
  let lo = 0;
  for (let index = 0; index < positions.length; index++) {
    const hi = positions[index]!;
    result.push({ lo, hi, owners: owners[index]!, share: (hi - lo) / space });
    lo = hi;
  }
  result.push({ lo, hi: space, owners: owners[0]!, share: (space - lo) / space });
  return result;
}
