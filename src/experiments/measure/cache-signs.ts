import { zoneCaches } from "../../cache/zones.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import type { LoadResult } from "../../load/result.ts";
import type { NodeSecond } from "./react.ts";

type Event = LoadResult["events"][number];

/** Operations that ask a cache. */
const asking = new Set(["cache", "cached-search"]);

/** By what a load shows that a cache is in trouble, in the terms of nodes: a cache's id stands for it. */
export interface CacheSigns {
  /** Where clients went on from memory, under the cache's id instead of its server's address. */
  events: Event[];
  /** Of the scenarios that ask a cache, told of each cache: which of several was asked is not known. */
  seconds: Map<string, NodeSecond[]>;
}

/** Pure. @param load a result with its windows and events */
export function cacheSigns(
  cluster: Pick<ClusterConfig, "nodes" | "cache">,
  { events, windows, perScenario }: Pick<LoadResult, "events" | "windows" | "perScenario">,
): CacheSigns {
  const caches = zoneCaches(cluster);
  const idOf = new Map(
    caches.flatMap(({ id, cache }) =>
      [cache.url, ...(cache.cluster ?? []), ...(cache.sentinel?.nodes ?? [])].flatMap((url) =>
        url === undefined ? [] : [[new URL(url).host, id] as const],
      ),
    ),
  );
  const scenarios = perScenario.filter(({ operation }) => asking.has(operation)).map(({ name }) => name);
  const seconds = windows.flatMap(({ second, seconds, perScenario: parts }): NodeSecond[] => {
    const asked = scenarios.flatMap((name) => parts[name]?.counts ?? []);
    if (asked.length === 0) return [];
    const sum = (of: "completed" | "errors") => asked.reduce((total, counts) => total + counts[of], 0);
    return [{ atMs: second * 1000, lengthMs: seconds * 1000, requests: sum("completed"), errors: sum("errors") }];
  });
  return {
    events: events.flatMap((event) => {
      const id = event.kind === "memory-only" ? idOf.get(hostOf(event.name)) : undefined;
      return id === undefined ? [] : [{ ...event, name: id }];
    }),
    seconds: new Map(caches.map(({ id }) => [id, seconds])),
  };
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : address;
}
