import { RagctlError } from "../errors.ts";
import { createRange } from "./range.ts";
import { createRendezvous } from "./rendezvous.ts";
import { createRing } from "./ring.ts";
import type { Member, Placement } from "./segments.ts";
import { createSemantic } from "./semantic.ts";
import type { PartitionerSpec } from "./table.ts";

export type { Member, Placement } from "./segments.ts";

export interface PlacementSpec {
  partitioner: PartitionerSpec;
  members: readonly Member[];
  replicas: number;
}

/**
 * Builds the placement that a partitioner gives to these members. Pure; `loadHashes()` must have been awaited.
 * @throws RagctlError exit 2 where there are no members, fewer members than replicas, or doubled ids
 */
export function createPlacement(spec: PlacementSpec): Placement {
  const { partitioner, members, replicas } = spec;
  const refuse = (message: string) => {
    throw new RagctlError(message, {
      code: "placement-impossible",
      exitCode: 2,
      hint: "Give at least as many nodes as replicas.",
    });
  };
  if (members.length === 0) refuse("There are no nodes to place anything on.");
  if (new Set(members.map((member) => member.id)).size < members.length) refuse("A node is named twice.");
  if (!Number.isInteger(replicas) || replicas < 1) refuse(`Replicas must be a whole number of at least 1, not ${replicas}.`);
  if (replicas > members.length) refuse(`${replicas} replicas need ${replicas} nodes; there are ${members.length}.`);
  switch (partitioner.kind) {
    case "ring":
      return createRing(partitioner, members, replicas);
    case "rendezvous":
      return createRendezvous(partitioner, members, replicas);
    case "range":
      return createRange(partitioner, members, replicas);
    case "semantic":
      return createSemantic(partitioner, members, replicas);
  }
}

/** The share of the data that each member holds a copy of; they add up to `replicas`. */
export function shares(placement: Placement): Map<string, number> {
  const result = new Map(placement.members.map((id) => [id, 0]));
  for (const { owners, share } of placement.segments())
    for (const owner of owners) result.set(owner, (result.get(owner) ?? 0) + share);
  return result;
}

/** The share of which each member is the first owner; they add up to 1. */
export function primaryShares(placement: Placement): Map<string, number> {
  const result = new Map(placement.members.map((id) => [id, 0]));
  for (const { owners, share } of placement.segments()) result.set(owners[0]!, (result.get(owners[0]!) ?? 0) + share);
  return result;
}
