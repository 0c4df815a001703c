import { withoutCredentials } from "./configured.ts";
import type { TargetResolver } from "./index.ts";

/** A Redis that any client could reach: what can be asked of it in its own words needs nothing else. */
export const serviceTarget: TargetResolver = {
  kind: "service",
  summary: "the cache, by its own protocol",
  async resolve(cluster, subject) {
    if (subject.role !== "cache") return { impossible: `${subject.id} is no cache: it has no words for this` };
    if (cluster.cache?.driver === "memory")
      return { impossible: "the cache lies in the memory of each process of its own, where nobody reaches it" };
    return { target: { kind: "service", node: subject.id, url: withoutCredentials(subject.url) } };
  },
};
