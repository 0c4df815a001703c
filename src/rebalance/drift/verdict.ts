import { formatPercent } from "../../units.ts";
import type { RebalanceDriftResult } from "./result.ts";

/** What a refit must bring to pay for the move. */
export interface DriftLimits {
  /** Share of the inertia. */
  inertia: number;
  /** Largest ÷ mean, above which cells count as uneven. */
  balance: number;
  /** Recall, at as many cells asked. */
  recall: number;
  /** Share of the work of a query, at the target. */
  work: number;
}

export const defaultLimits: DriftLimits = { inertia: 0.1, balance: 1.5, recall: 0.01, work: 0.1 };

/** What so few queries leave open: upper ends of 95 % intervals of the present model's mean recall. */
export interface RecallDoubt {
  /** With as many cells asked as the collection asks. */
  atProbes: number;
  /** With as many as the refit needs for the target. */
  atRefits: number;
}

/** Numbers in, verdict out: a refit pays where it brings at least one of these, beyond what chance would. */
export function judgeDrift(
  { now, refit, sampleError, target }: Pick<RebalanceDriftResult, "now" | "refit" | "sampleError" | "target">,
  doubt: RecallDoubt,
  limits: DriftLimits,
): { refitPays: boolean; reasons: string[] } {
  const reasons: string[] = [];
  const inertia = now.inertiaPerPoint > 0 ? 1 - refit.inertiaPerPoint / now.inertiaPerPoint : 0;
  if (inertia >= limits.inertia && inertia > 2 * sampleError)
    reasons.push(`points would lie ${formatPercent(inertia)} nearer to their centroids (squared)`);
  const recall = refit.recall - now.recall;
  if (recall >= limits.recall && refit.recall > doubt.atProbes)
    reasons.push(`recall would rise from ${now.recall.toFixed(3)} to ${refit.recall.toFixed(3)} with ${now.probes} cells asked`);
  const work = now.work > 0 ? 1 - refit.work / now.work : 0;
  // One cell fewer can be a matter of few queries just above or below the target.
  if (work >= limits.work && doubt.atRefits < target)
    reasons.push(
      `a query at the target would take ${formatPercent(work)} less work (${refit.probesForTarget} cells asked instead of ${now.probesForTarget})`,
    );
  if (now.sizeMaxOverMean > limits.balance && refit.sizeMaxOverMean < now.sizeMaxOverMean * 0.9)
    reasons.push(
      `the largest cell would go from ${now.sizeMaxOverMean.toFixed(2)} to ${refit.sizeMaxOverMean.toFixed(2)} × the mean`,
    );
  if (reasons.length > 0) return { refitPays: true, reasons };
  return {
    refitPays: false,
    reasons: [
      `a refit would bring ${formatPercent(Math.max(0, inertia))} of inertia, ${Math.max(0, recall).toFixed(3)} of recall and ${formatPercent(Math.max(0, work))} of work: less than it takes to pay`,
    ],
  };
}
