import { zoneCaches } from "../../cache/zones.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { didYouMean } from "../../config/suggest.ts";
import type { Profile } from "../../load/profile/schema.ts";
import type { Step, WarmStep } from "../profile/step.ts";

/** The method with the zone of each warming decided, and the load as it makes sense on this cluster. */
export interface PlacedWarming {
  method: Step[];
  load: Profile;
  notes: string[];
}

/**
 * Which cache each `warm` step fills: `other` is that of the first zone which no fault before it has taken. The lookups that it is about come from the zone that is taken first: theirs is the
 * cache that is lost. Where the cluster has no shared cache, the step and its lookups are left out; where its zones share one, the step is: nothing of it is lost. Pure.
 * @param problem takes the index of the step, the key, and what is wrong
 */
export function placeWarming(
  method: readonly Step[],
  load: Profile,
  cluster: ClusterConfig,
  problem: (step: number, key: string, message: string) => void,
): PlacedWarming {
  const caches = zoneCaches(cluster);
  const taken = new Set<string>();
  const without = new Set<string>();
  const homes = new Map<string, string>();
  const notes: string[] = [];

  function placed(step: Step & WarmStep, index: number): Step {
    const { scenario, zone } = step;
    const operation = load.scenarios[scenario]?.operation;
    if (operation?.kind !== "cache") {
      const lookups = Object.keys(load.scenarios).filter((name) => load.scenarios[name]!.operation.kind === "cache");
      problem(
        index,
        "warm",
        `expected a scenario of the load whose operation is cache, got "${scenario}"${didYouMean(scenario, lookups)}`,
      );
      return step;
    }
    const [first] = taken;
    if (zone === "other" && first === undefined) {
      problem(index, "zone", "other than which? No fault before it takes a whole zone");
      return step;
    }
    const skip = (why: string) => {
      notes.push(`${scenario}: ${why}`);
      return { ...step, skip: why };
    };
    if (caches.length === 0) {
      without.add(scenario);
      return skip(
        `cluster ${cluster.name} has no cache that its clients share (ragctl up --zones a,b --cache redis: one in each zone)`,
      );
    }
    if (zone === undefined) return step;
    if (caches.length === 1)
      return skip(
        `all zones of cluster ${cluster.name} share one cache, and no zone takes it along (cache.zones of the config names others)`,
      );
    const chosen = caches.flatMap(({ zones }) => zones).find((each) => (zone === "other" ? !taken.has(each) : each === zone));
    if (chosen === undefined) {
      problem(index, "zone", zone === "other" ? "no zone is left that has a cache" : `no cache serves zone "${zone}"`);
      return step;
    }
    if (first !== undefined && operation.zone === undefined) homes.set(scenario, first);
    return { ...step, zone: chosen };
  }

  const steps = method.map((step, index) => {
    if (step.kind === "fault" && step.aim.zone !== undefined) taken.add(step.aim.zone);
    return step.kind === "warm" ? placed(step, index) : step;
  });
  const scenarios = Object.entries(load.scenarios).flatMap(([name, scenario]) => {
    if (without.has(name)) return [];
    const home = homes.get(name);
    if (home === undefined || scenario.operation.kind !== "cache") return [[name, scenario] as const];
    return [[name, { ...scenario, operation: { ...scenario.operation, zone: home } }] as const];
  });
  return { method: steps, load: { ...load, scenarios: Object.fromEntries(scenarios) }, notes };
}
