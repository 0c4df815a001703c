import { RagctlError } from "../errors.ts";
import { integerKey } from "./point-id.ts";
import { segmented, type Member, type Placement, type Segment } from "./segments.ts";
import { createRing } from "./ring.ts";
import { defaultVirtualNodes, type RangeSpec } from "./table.ts";

/**
 * Ranges of integer keys; a position is the key itself, and so is `_ragctl_h`, which lets selectors name ranges of keys.
 * A range is placed like a hash of its lower bound, so that a split leaves its first half where it was, and the merge
 * of the two undoes it. Every range counts as an equal share: how full it is, is not known from here.
 */
export function createRange(spec: RangeSpec, members: readonly Member[], replicas: number): Placement {
  const space = 2 ** 53;
  if (spec.bounds.some((bound, index) => !Number.isSafeInteger(bound) || bound <= (spec.bounds[index - 1] ?? 0)))
    throw new RagctlError("The bounds of a range partitioner must be ascending whole numbers above zero.", {
      code: "range-bounds",
      exitCode: 2,
      hint: "For example: 1000000, 2000000.",
    });
  const ring = createRing({ kind: "ring", virtualNodes: defaultVirtualNodes, hash: spec.hash }, members, replicas);
  const edges = [0, ...spec.bounds, space];
  const share = 1 / (edges.length - 1);
  const pieces: Segment[] = edges
    .slice(0, -1)
    .map((lo, index) => ({ lo, hi: edges[index + 1]!, owners: ring.ownersOfKey(String(lo)), share }));
  return segmented({ coordinate: "key", space, members: ring.members, replicas }, pieces, rangePosition);
}

/**
 * The bounds with ranges split at some keys, and those that end at others merged with the ranges after them.
 * @returns bounds, ascending; or what makes no sense, each as a sentence
 */
export function changedBounds(
  bounds: readonly number[],
  { split = [], merge = [] }: { split?: readonly number[]; merge?: readonly number[] },
): { bounds: number[]; problems: { path: string; message: string }[] } {
  const problems = [
    ...split.filter((at) => bounds.includes(at)).map((at) => ({ path: "--split", message: `${at} is a bound already` })),
    ...split
      .filter((at) => at < 1)
      .map((at) => ({ path: "--split", message: `${at} splits nothing: the first range begins at 0` })),
    ...merge
      .filter((at) => !bounds.includes(at))
      .map((at) => ({ path: "--merge", message: `${at} is no bound: ${bounds.join(", ") || "there are none"}` })),
  ];
  const kept = bounds.filter((bound) => !merge.includes(bound));
  return { bounds: [...new Set([...kept, ...split])].sort((a, b) => a - b), problems };
}

/** @throws RagctlError exit 2 where the key is not an unsigned integer below 2^53 */
export function rangePosition(key: string): number {
  const position = integerKey(key);
  if (position === undefined)
    throw new RagctlError(`A range partitioner takes unsigned integer keys, not "${key}".`, {
      code: "key-not-integer",
      exitCode: 2,
      hint: "Use integer keys, or a ring.",
    });
  return position;
}
