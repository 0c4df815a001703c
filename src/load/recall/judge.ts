import type { Hit } from "../../stores/contract.ts";
import type { RecallSpec } from "../contract.ts";
import { recallAtK } from "./recall.ts";

/** Takes one answer: the number of its query, its hits, and where each `recall@K` goes. */
export type Judge = (query: number, hits: readonly Hit[], measure: (name: string, value: number) => void) => void;

/**
 * Judges answers to queries whose true neighbours are known. Points that the run wrote itself are not in the truth, and are left out of the answer:
 * where j of the first k hits are such, the others must be the k − j nearest of those that were there before.
 */
export function recallJudge({ ks, truths, distance, ownPrefix }: RecallSpec): Judge {
  const names = ks.map((k) => `recall@${k}`);
  const isOwn = ownPrefix === undefined ? () => false : ({ id }: Hit) => typeof id === "string" && id.startsWith(ownPrefix);
  return (query, hits, measure) => {
    const truth = truths[query];
    if (!truth) return;
    for (const [at, k] of ks.entries()) {
      const foreign = hits.slice(0, k).filter((hit) => !isOwn(hit));
      const wanted = k - (Math.min(k, hits.length) - foreign.length);
      if (wanted > 0) measure(names[at]!, recallAtK(foreign, truth, wanted, distance));
    }
  };
}
