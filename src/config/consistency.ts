import type { ClusterConfig } from "./schema.ts";

export interface Consistency {
  /** Copies of each point, acknowledgements a write waits for, owners a read must ask. */
  n: number;
  w: number;
  r: number;
  /** R + W > N. */
  overlaps: boolean;
  sentence: string;
}

/** What a routed cluster's replicas, minAcks and consistency give together (ROUTING.md, "Arithmetic of a plan"). */
export function consistencyOf(routing: ClusterConfig["routing"]): Consistency {
  const n = routing.replicas;
  const w = routing.minAcks;
  const r = readOwners(routing.consistency, n);
  const overlaps = r + w > n;
  const numbers = `N=${n}, W=${w}, R=${r}`;
  const short = r > 1 ? `; an answer for which fewer than ${r} owners of some points could be asked says so` : "";
  const sentence =
    n === 1
      ? `${numbers}: one copy, so a read sees every acknowledged write while its node is up, and nothing of it while the node is down`
      : overlaps
        ? `${numbers}: R + W > N, so a read asks at least one live replica that acknowledged the last write${short}`
        : `${numbers}: R + W = ${r + w} is not above N, so reads are eventual: a replica that missed an acknowledged write is marked stale before the acknowledgement, and a client hears of that within its lease (1 s, at most 5 s)${short}`;
  return { n, w, r, overlaps, sentence };
}

/** How many owners of each point a search must ask. */
function readOwners(level: ClusterConfig["routing"]["consistency"], replicas: number): number {
  return { one: 1, quorum: Math.floor(replicas / 2) + 1, all: replicas }[level];
}
