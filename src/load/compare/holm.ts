/** What Holm's procedure says of one hypothesis: whether it falls, and the error probability it was tested at. */
export interface HolmStep {
  rejected: boolean;
  /** An interval at confidence 1 − level excludes "no effect" exactly where `rejected`. */
  level: number;
}

/**
 * Weighted Holm (Holm 1979): the family-wise error is at most `alpha` whatever the dependence between the tests. Hypotheses are taken in order of
 * pValue ÷ weight; each is tested at alpha × weight ÷ (weights not yet rejected); the first that stands ends it.
 */
export function weightedHolm(tests: readonly { pValue: number; weight: number }[], alpha: number): HolmStep[] {
  const steps: HolmStep[] = tests.map(() => ({ rejected: false, level: alpha }));
  const order = tests.map((_, index) => index).sort((x, y) => share(tests[x]!) - share(tests[y]!));
  let left = tests.reduce((sum, { weight }) => sum + weight, 0);
  let standing = false;
  for (const index of order) {
    const { pValue, weight } = tests[index]!;
    const level = (alpha * weight) / left;
    const rejected = !standing && pValue <= level;
    steps[index] = { rejected, level };
    if (rejected) left -= weight;
    else standing = true;
  }
  return steps;
}

const share = ({ pValue, weight }: { pValue: number; weight: number }) => pValue / weight;
