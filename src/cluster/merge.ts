import { field } from "../sharding/table.ts";
import type { Place } from "../sharding/owners.ts";
import type { Distance, Hit, Payload } from "../stores/contract.ts";

/** One node's answer to a search, in its own order. */
export interface NodeHits {
  node: number;
  hits: readonly Hit[];
  /** How many it was asked for: where it gave as many, there may be more. */
  k: number;
}

export interface Merged {
  hits: Hit[];
  /** Nodes whose answer was cut short by hits that are not theirs to give, so that better ones may be missing. */
  askDeeper: number[];
  highestVersion: number;
}

/**
 * Merges the answers of several nodes: hits of nodes that do not own them go (leftovers of a move), of a point's several
 * versions the highest stays, and then the best `k` by score.
 * @param placeOf where a point lies, by its payload; hits of which nothing can be told are kept
 * @param serves whether a node may answer for a place
 */
export function mergeHits(
  answers: readonly NodeHits[],
  k: number,
  distance: Distance,
  placeOf: (payload: Payload | undefined) => Place | undefined,
  serves: (node: number, position: number, to?: number) => boolean,
): Merged {
  const sign = distance === "Euclid" ? -1 : 1;
  const best = new Map<number | string, { hit: Hit; version: number }>();
  const short: { node: number; lastScore: number }[] = [];
  let highestVersion = 0;
  for (const { node, hits, k: asked } of answers) {
    let dropped = 0;
    for (const hit of hits) {
      const place = placeOf(hit.payload);
      if (place && !serves(node, place.position, place.to)) {
        dropped++;
        continue;
      }
      const version = versionOf(hit);
      if (version > highestVersion) highestVersion = version;
      const known = best.get(hit.id);
      if (!known || version > known.version) best.set(hit.id, { hit, version });
    }
    if (dropped > 0 && hits.length >= asked) short.push({ node, lastScore: sign * hits.at(-1)!.score });
  }
  const hits = Array.from(best.values(), ({ hit }) => hit)
    .sort((a, b) => sign * (b.score - a.score))
    .slice(0, k);
  // A node cut short matters only if what it did not say could still be among the best k.
  const worst = hits.length < k ? -Infinity : sign * hits.at(-1)!.score;
  const askDeeper = short.filter(({ lastScore }) => lastScore > worst).map(({ node }) => node);
  return { hits, askDeeper, highestVersion };
}

function versionOf(hit: Hit): number {
  const version = hit.payload?.[field.version];
  return typeof version === "number" ? version : 0;
}
