import { hash32 } from "./hash.ts";
import { segmented, type Member, type Placement, type Segment } from "./segments.ts";
import { zoneNumbers } from "./ring-walk.ts";
import type { RendezvousSpec } from "./table.ts";

/** A key's slot is the top 14 bits of its hash: `h >>> 18`. */
const rendezvousSlots = 16_384;
const slotWidth = 2 ** 18;

/**
 * Highest random weight over 16,384 slots: each member scores each slot, the best `replicas` own it, unseen zones first.
 * Weights by the logarithmic method (score −weight / ln u), so that a member of weight 2 wins twice as often.
 */
export function createRendezvous(spec: RendezvousSpec, members: readonly Member[], replicas: number): Placement {
  const hash = hash32(spec.hash);
  const seeds = members.map(({ id }) => hash(id));
  const weights = members.map(({ weight }) => weight ?? 1);
  const zones = zoneNumbers(members);
  const scores = new Float64Array(members.length);
  const pieces: Segment[] = [];
  for (let slot = 0; slot < rendezvousSlots; slot++) {
    for (let m = 0; m < members.length; m++) {
      const uniform = (mix32(seeds[m]! ^ mix32(slot + 1)) + 0.5) / 2 ** 32;
      scores[m] = -weights[m]! / Math.log(uniform);
    }
    const owners = best(scores, zones, replicas).map((m) => members[m]!.id);
    pieces.push({ lo: slot * slotWidth, hi: (slot + 1) * slotWidth, owners, share: 1 / rendezvousSlots });
  }
  const base = { coordinate: "hash" as const, space: 2 ** 32, members: members.map(({ id }) => id), replicas };
  return segmented(base, pieces, hash);
}

/** Indices of the highest scores, best first, unseen zones before seen ones; overwrites `scores`. */
function best(scores: Float64Array, zones: readonly number[], replicas: number): number[] {
  const taken: number[] = [];
  while (taken.length < replicas) {
    let winner = -1;
    let winnerFresh = false;
    for (let m = 0; m < scores.length; m++) {
      if (scores[m]! < 0) continue;
      const fresh = !taken.some((other) => zones[other] === zones[m]);
      if (winner === -1 || (fresh && !winnerFresh) || (fresh === winnerFresh && scores[m]! > scores[winner]!)) {
        winner = m;
        winnerFresh = fresh;
      }
    }
    taken.push(winner);
    scores[winner] = -1;
  }
  return taken;
}

/** The finaliser of MurmurHash3: every input bit reaches every output bit. */
function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
