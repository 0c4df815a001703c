import { field } from "../sharding/table.ts";
import type { Distance, Hit } from "../stores/contract.ts";

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
 * @param serves whether a node may answer for a position; hits without a position are kept, since nothing can be told
 * @param positionField the payload field that holds a point's position
 */
export function mergeHits(
  answers: readonly NodeHits[],
  k: number,
  distance: Distance,
  positionField: string,
  serves: (node: number, position: number) => boolean,
): Merged {
  const sign = distance === "Euclid" ? -1 : 1;
  const best = new Map<number | string, { hit: Hit; version: number }>();
  const short: { node: number; lastScore: number }[] = [];
  let highestVersion = 0;
  for (const { node, hits, k: asked } of answers) {
    let dropped = 0;
    for (const hit of hits) {
      const position = hit.payload?.[positionField];
      if (typeof position === "number" && !serves(node, position)) {
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
