import { zoneCaches } from "../../cache/zones.ts";
import { plural } from "../../units.ts";
import type { GuardInput, Observation } from "./contract.ts";
import { nodesAllowed } from "./max-blast.ts";
import { consensusAfter, nativeRadius } from "./native.ts";
import { describePart, namesOf, type BlastRadius, type CollectionRadius, type Refusal } from "./result.ts";
import { routedRadius } from "./routed.ts";

/**
 * What the fault would do, and why a guard refuses it, every reason at once. Pure; `loadHashes()` must have been awaited.
 */
export function judgeFault(input: GuardInput, observed: Observation): BlastRadius {
  const { cluster, fault, impact, nodes } = input;
  const { consistency: level } = cluster.routing;
  const taken = impact === "silences" ? [...nodes] : [];
  const faulted = [...observed.own, ...observed.others];
  const silenced = faulted.filter(({ silences }) => silences).map(({ node }) => node);
  const known = new Set(cluster.nodes.map(({ id }) => id));
  const down = [...new Set([...observed.silent, ...silenced])].filter((id) => known.has(id) && !taken.includes(id));
  const blow = { nodes, silences: impact === "silences", down, level };
  const collections = observed.native
    ? observed.native.collections.map((each) => nativeRadius(each, observed.native!, blow))
    : observed.tables.map((table) => routedRadius(table, blow));
  const consensus = observed.native && consensusAfter(observed.native, [...taken, ...down]);
  const acting = new Set([...faulted.map(({ node }) => node).filter((id) => known.has(id)), ...nodes]);
  const touched = {
    nodes: impact === "cache" ? 0 : acting.size,
    of: cluster.nodes.length,
    allowed: nodesAllowed(input.maxBlast, cluster.nodes.length),
  };
  const radius = {
    fault,
    cluster: cluster.name,
    topology: cluster.topology,
    nodes: [...nodes],
    impact,
    touched,
    down,
    collections,
  };
  const refusals = [
    ...lostOwners(collections, taken, down, cluster.topology),
    ...lostConsensus(consensus, taken),
    ...tooMany(touched),
    ...(input.allowDegraded ? [] : degraded(input, observed)),
  ];
  return { ...radius, ...(consensus && { consensus }), refusals };
}

function lostOwners(
  collections: readonly CollectionRadius[],
  taken: readonly string[],
  down: readonly string[],
  topology: BlastRadius["topology"],
): Refusal[] {
  const lost = collections.filter(({ unserved }) => unserved.share > 0);
  if (lost.length === 0) return [];
  const parts = lost.map(({ collection, unserved }) => describePart(unserved, collection)).join(", and ");
  const needed = Math.max(...lost.map((each) => each.needed));
  const kind = topology === "native" ? "active replica" : "serving owner";
  const would = needed === 1 ? `would have no ${kind}` : `would have fewer than ${plural(needed, kind)}, which reads need`;
  const because = down.length > 0 ? ` (${down.join(", ")} ${down.length === 1 ? "is" : "are"} down already)` : "";
  return [
    {
      code: "last-replica",
      message: `without ${namesOf(taken)}, ${parts} ${would}${because}`,
      hint:
        down.length > 0
          ? `bring back what is down first: ragctl status, ragctl chaos status`
          : "a collection with more replicas survives it: ragctl shard plan --replicas",
    },
  ];
}

function lostConsensus(consensus: BlastRadius["consensus"], taken: readonly string[]): Refusal[] {
  if (!consensus || taken.length === 0 || consensus.left >= consensus.needed) return [];
  const { left, peers, needed } = consensus;
  return [
    {
      code: "consensus-lost",
      message: `without ${namesOf(taken)}, ${left} of ${plural(peers, "peer")} would be left, and consensus needs ${needed}`,
      hint: "take fewer nodes at once",
    },
  ];
}

function tooMany({ nodes, of, allowed }: BlastRadius["touched"]): Refusal[] {
  if (nodes <= allowed) return [];
  return [
    {
      code: "max-blast",
      message: `faults would act on ${nodes} of ${plural(of, "node")}, and ${allowed === 0 ? "none" : `at most ${allowed}`} may be`,
      hint: `--max-blast ${nodes} allows it`,
    },
  ];
}

/** A cluster that is not whole: what a fault shows there, nobody could tell from what was wrong before. */
function degraded(input: GuardInput, { silent, own, others, tables, native, cacheProblem }: Observation): Refusal[] {
  const ours = new Set(own.map(({ node }) => node));
  const ownCache = zoneCaches(input.cluster).some(({ id }) => ours.has(id));
  const wrong = [
    ...silent.filter((id) => !ours.has(id)).map((id) => `${id} does not answer`),
    ...others.map(({ fault, node, id }) => `${fault} is active on ${node} (${id})`),
    ...tables.flatMap(({ collection, nodes, moves }) => [
      ...Object.entries(nodes).flatMap(([id, { state }]) =>
        state === "stale" && !ours.has(id) ? [`${id} is stale in ${collection}`] : [],
      ),
      ...(moves.some(({ repair }) => !repair) ? [`${collection} has ${plural(moves.length, "move")} in flight`] : []),
    ]),
    ...nativeTrouble(native, ours),
    ...(cacheProblem !== undefined && !ownCache ? [cacheProblem] : []),
  ];
  if (wrong.length === 0) return [];
  return [
    {
      code: "cluster-degraded",
      message: `cluster ${input.cluster.name} is not whole: ${wrong.join("; ")}`,
      hint:
        others.length > 0
          ? "ragctl chaos heal --all; or --allow-degraded"
          : "ragctl status says more; --allow-degraded goes on all the same",
    },
  ];
}

function nativeTrouble(native: Observation["native"], ours: ReadonlySet<string>): string[] {
  if (!native) return [];
  const nodeOf = new Map([...native.peerOf].map(([node, peer]) => [peer, node]));
  return native.collections.flatMap(({ name, view }) => {
    const bad = view.replicas.filter(({ state, peerId }) => state !== "Active" && !ours.has(nodeOf.get(peerId) ?? ""));
    return [
      ...bad.map(
        ({ shardId, peerId, state }) => `shard ${shardId} of ${name} is ${state} on ${nodeOf.get(peerId) ?? `peer ${peerId}`}`,
      ),
      ...(view.transfers.length > 0 ? [`${name} has ${plural(view.transfers.length, "transfer")} in flight`] : []),
    ];
  });
}
