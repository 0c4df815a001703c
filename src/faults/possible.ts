import { cacheId, zoneCaches } from "../cache/zones.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { faultNamed, faults } from "./index.ts";
import type { FaultName } from "./names.ts";
import { reachOne, resolverOf, type Unreachable } from "./reach.ts";
import type { PossibleFault, TargetsResult } from "./result.ts";
import { sampleOptions } from "./samples.ts";
import { subjectOf } from "./select.ts";
import type { Subject } from "./targets/index.ts";

type Resolve = ReturnType<typeof resolverOf>;

/** For each node, and the cache, and each fault: by which way it is possible, or why by none. Changes nothing. */
export async function possibleFaults(cluster: ClusterConfig): Promise<TargetsResult> {
  const resolve = resolverOf(cluster);
  const of = async (subject: Subject): Promise<PossibleFault[]> =>
    await Promise.all(namesFor(subject.role).map((name) => possibility(subject, name, resolve)));
  const nodes = cluster.nodes.map(async ({ id, url, zone, target }) => ({
    id,
    role: "node" as const,
    zone: zone ?? null,
    faults: await of({ id, url, target, role: "node" }),
  }));
  const caches = zoneCaches(cluster).map(async (each) => {
    const subject = subjectOf(each);
    return {
      id: each.id,
      role: "cache" as const,
      zone: each.zones.length === 1 ? each.zones[0]! : null,
      faults: subject ? await of(subject) : [],
    };
  });
  return {
    cluster: cluster.name,
    targets: [...(await Promise.all(nodes)), ...(caches.length > 0 ? await Promise.all(caches) : [noCache(cluster)])],
  };
}

function noCache({ cache }: ClusterConfig): TargetsResult["targets"][number] {
  const reason = cache ? "it lies in the memory of each process of its own, where nobody reaches it" : "the cluster has none";
  const faults = namesFor("cache").map((fault) => ({ fault, possible: false, by: null, why: [{ kind: "any", reason }] }));
  return { id: cacheId, role: "cache", zone: null, faults };
}

function namesFor(role: Subject["role"]): FaultName[] {
  return (Object.keys(faults) as FaultName[]).filter((name) => {
    return (faultNamed(name)!.scope === "cache") === (role === "cache");
  });
}

async function possibility(subject: Subject, name: FaultName, resolve: Resolve): Promise<PossibleFault> {
  const fault = faultNamed(name)!;
  const options = fault.options.parse(sampleOptions[name]);
  const why: Unreachable["reasons"] = [];
  for (const variant of fault.variants?.(options) ?? [{ options }]) {
    const reached = await reachOne(
      subject,
      fault,
      { options: variant.options, kinds: variant.targets ?? fault.targets },
      resolve,
    );
    if ("target" in reached) return { fault: name, possible: true, by: reached.target.kind, why: [] };
    why.push(...reached.reasons);
  }
  // Two variants may have asked the same way, and heard the same.
  const distinct = why.filter(
    (one, index) => why.findIndex(({ kind, reason }) => kind === one.kind && reason === one.reason) === index,
  );
  return { fault: name, possible: false, by: null, why: distinct };
}
