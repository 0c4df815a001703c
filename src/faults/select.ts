import { cachesWithin, zoneCaches, type ZoneCache } from "../cache/zones.ts";
import type { ClusterConfig, NodeConfig } from "../config/schema.ts";
import { didYouMean } from "../config/suggest.ts";
import { usageError, type Problem } from "../errors.ts";
import type { Rng } from "../runtime.ts";
import type { Fault } from "./contract.ts";
import { withoutCredentials } from "./targets/configured.ts";
import type { Subject } from "./targets/index.ts";

/** Which nodes: by id, a whole zone, or so many at random. One of the three. */
export interface Selection {
  nodes?: readonly string[];
  zone?: string;
  random?: number;
}

/**
 * What a fault shall be injected into.
 * @throws RagctlError exit 2 with every problem: unknown nodes, an unknown zone, too many, nothing chosen, two choices at once
 */
export function selectSubjects(
  cluster: ClusterConfig,
  fault: Pick<Fault, "name" | "scope">,
  selection: Selection,
  rng: Rng,
): Subject[] {
  const problems: Problem[] = [];
  const { nodes = [], zone, random } = selection;
  if (fault.scope === "cache") return [cacheOf(cluster, fault.name, selection)];
  const ways = [nodes.length > 0, zone !== undefined, random !== undefined].filter(Boolean).length;
  if (ways > 1) problems.push({ path: "NODE", message: "name nodes, or --zone, or --random: one of the three" });
  if (ways === 0)
    problems.push(
      fault.scope === "zone"
        ? { path: "ZONE", message: "say which zone" }
        : { path: "NODE", message: "say which nodes: by their ids, --zone, or --random" },
    );
  const ids = cluster.nodes.map(({ id }) => id);
  for (const id of nodes)
    if (!ids.includes(id))
      problems.push({ path: "NODE", message: `cluster ${cluster.name} has no node "${id}"${didYouMean(id, ids)}` });
  const zones = [...new Set(cluster.nodes.flatMap((node) => node.zone ?? []))];
  if (zone !== undefined && !zones.includes(zone))
    problems.push({ path: "--zone", message: `no node of ${cluster.name} is in zone "${zone}"${didYouMean(zone, zones)}` });
  if (random !== undefined && random > ids.length)
    problems.push({ path: "--random", message: `${random} of ${ids.length} nodes` });
  if (problems.length > 0)
    throw usageError(problems, {
      code: problems.some(({ message }) => message.includes("has no node")) ? "node-unknown" : "usage",
      hint: `${cluster.name} has ${ids.join(", ")}${zones.length > 0 ? `; zones ${zones.join(", ")}` : ""}`,
    });
  const chosen =
    zone !== undefined
      ? cluster.nodes.filter((node) => node.zone === zone)
      : random !== undefined
        ? drawn(cluster.nodes, random, rng)
        : cluster.nodes.filter(({ id }) => nodes.includes(id));
  const subjects = chosen.map(({ id, url, target }): Subject => ({ id, url, target, role: "node" }));
  // Everything in a zone: elsewhere than on this machine nobody says how a cache is reached.
  const caches =
    fault.scope === "zone" && zone !== undefined && cluster.source.kind === "local" ? cachesWithin(cluster, zone) : [];
  return [...subjects, ...caches.flatMap((each) => subjectOf(each) ?? [])];
}

function cacheOf(cluster: ClusterConfig, fault: string, { nodes = [], zone, random }: Selection): Subject {
  const caches = zoneCaches(cluster);
  const ids = new Set(caches.map(({ id }) => id));
  if (random !== undefined || nodes.some((id) => !ids.has(id)))
    throw usageError([{ path: "NODE", message: `${fault} acts on the cache of the cluster: name no node` }]);
  const zones = caches.flatMap((each) => each.zones);
  if (zone !== undefined && !zones.includes(zone))
    throw usageError([
      { path: "--zone", message: `no cache of ${cluster.name} serves zone "${zone}"${didYouMean(zone, zones)}` },
    ]);
  const chosen = caches.find((each) =>
    zone === undefined ? nodes.length === 0 || nodes.includes(each.id) : each.zones.includes(zone),
  );
  const subject = chosen && subjectOf(chosen);
  if (subject) return subject;
  throw usageError([{ message: `cluster ${cluster.name} has no cache of its own that faults could reach` }], {
    code: "cache-missing",
    hint: "ragctl up --cache redis starts one; in a config, cache.url names it",
  });
}

/** A cache as if it were a node; undefined where it could not be reached. Its url has no credentials: it gets into records. */
export function subjectOf({ id, cache }: ZoneCache): Subject | undefined {
  const first = cache.url ?? cache.cluster?.[0] ?? cache.sentinel?.nodes[0];
  return first === undefined ? undefined : { id, url: withoutCredentials(first), target: undefined, role: "cache" };
}

/** `count` different ones, in the cluster's order. */
function drawn(nodes: readonly NodeConfig[], count: number, rng: Rng): NodeConfig[] {
  const left = [...nodes.keys()];
  const taken = new Set(Array.from({ length: count }, () => left.splice(Math.floor(rng() * left.length), 1)[0]!));
  return nodes.filter((_, index) => taken.has(index));
}
