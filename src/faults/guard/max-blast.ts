import { parseFraction } from "../../units.ts";

/** How many nodes faults may act on at once: so many, or a share of all. */
export type MaxBlast = { count: number } | { share: number };

/** Unless told otherwise: half of the nodes, and one in any case. */
const defaultMaxBlast = { share: 0.5 };

/** `2` → two nodes; `34%` or `0.34` → that share of all. @throws Error, a plain sentence */
export function parseMaxBlast(text: string): MaxBlast {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed) && Number(trimmed) > 0) return { count: Number(trimmed) };
  let share: number;
  try {
    share = parseFraction(trimmed);
  } catch {
    throw new Error(`expected a number of nodes such as 2, or a share such as 34%, got "${text}"`);
  }
  if (share <= 0 || share > 1) throw new Error(`expected a share above 0 and at most 100%, got "${text}"`);
  return { share };
}

/**
 * Nodes out of `total`.
 * @param limit undefined: the default, which lets one node go however few there are
 */
export function nodesAllowed(limit: MaxBlast | undefined, total: number): number {
  if (!limit) return Math.max(1, Math.floor(defaultMaxBlast.share * total));
  // The epsilon undoes the rounding of shares: 0.29 × 100 is 28.999999999999996.
  return "count" in limit ? limit.count : Math.floor(limit.share * total + 1e-9);
}
