import { createHash } from "node:crypto";
import type { RoutingTable } from "../table.ts";
import type { Fingerprint, Layout } from "./contract.ts";

/**
 * What a plan was made for, with its digest: the one function that planning and apply share.
 * @param observed members in the order of the table, which placement depends on where virtual nodes collide
 */
export function fingerprintOf({ members, partitioner, replicas, spill }: Omit<Fingerprint, "digest">): Fingerprint {
  const said = members.map(({ id, weight, zone }) => (zone === undefined ? { id, weight } : { id, weight, zone }));
  // Who holds which shard changes while a plan runs; which shards there are does not.
  const spec =
    partitioner.kind === "native"
      ? { ...partitioner, shards: partitioner.shards.map(({ id, key }) => ({ id, key })) }
      : partitioner;
  const digest = createHash("sha256")
    .update(canonicalJson({ members: said, partitioner: spec, replicas, spill }))
    .digest("hex");
  return { members: said, partitioner, replicas, ...(spill && { spill }), digest };
}

/** That of a routing table, or of a layout before there is one. Copies near boundaries count once they are all there. */
export function fingerprintOfTable({ members, nodes, partitioner, replicas, spill }: Layout | RoutingTable): Fingerprint {
  const kept = spill && (!("phase" in spill) || spill.phase === "on");
  return fingerprintOf({
    ...(kept && { spill: { ratio: spill.ratio } }),
    members: members.map((id) => {
      const { weight = 1, zone } = nodes[id] ?? {};
      return zone === undefined ? { id, weight } : { id, weight, zone };
    }),
    partitioner,
    replicas,
  });
}

/** JSON without blanks, keys sorted, what is undefined left out: equal values give equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
