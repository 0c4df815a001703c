import type { Rng } from "../runtime.ts";

/** The number of the row to take next, 0 … rows − 1. */
export type RowChoice = () => number;

export type ChoiceSpec = { kind: "sequential" } | { kind: "uniform" } | { kind: "zipf"; exponent: number };

/** Row 0, 1, 2 … and from the start again. */
export function sequential(rows: number, from = 0): RowChoice {
  let next = from % rows;
  return () => {
    const row = next;
    next = row + 1 === rows ? 0 : row + 1;
    return row;
  };
}

/** Every row with the same probability. */
function uniform(rows: number, rng: Rng): RowChoice {
  return () => Math.floor(rng() * rows);
}

/**
 * Row r with a probability proportional to 1 ÷ (r + 1)^exponent, exactly, in constant time and memory: rejection-inversion sampling (Hörmann & Derflinger, "Rejection-inversion to
 * generate variates from monotone discrete distributions", ACM TOMACS 6(3), 1996). Follows the paper's algorithm ZRI in the
 * numerically careful form of Apache Commons' RejectionInversionZipfSampler.
 * @param exponent above 0; 1 is the classic law
 */
function zipf(rows: number, exponent: number, rng: Rng): RowChoice {
  // H, the integral of h(x) = x^-exponent, written so that it stays exact near exponent 1.
  const integral = (x: number) => {
    const log = Math.log(x);
    return expm1Over((1 - exponent) * log) * log;
  };
  const inverse = (y: number) => {
    const t = Math.max(-1, y * (1 - exponent));
    return Math.exp(log1pOver(t) * y);
  };
  const density = (x: number) => Math.exp(-exponent * Math.log(x));
  const first = integral(1.5) - 1;
  const last = integral(rows + 0.5);
  const shortcut = 2 - inverse(integral(2.5) - density(2));
  return () => {
    for (;;) {
      const u = last + rng() * (first - last);
      const x = inverse(u);
      const rank = Math.min(rows, Math.max(1, Math.round(x)));
      if (rank - x <= shortcut || u >= integral(rank + 0.5) - density(rank)) return rank - 1;
    }
  };
}

/** (e^x − 1) ÷ x, 1 at 0. */
function expm1Over(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2;
}

/** ln(1 + x) ÷ x, 1 at 0. */
function log1pOver(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x / 2;
}

/** The choice that a flag or a profile asks for. */
export function rowChoice(spec: ChoiceSpec, rows: number, rng: Rng): RowChoice {
  if (spec.kind === "sequential") return sequential(rows);
  return spec.kind === "uniform" ? uniform(rows, rng) : zipf(rows, spec.exponent, rng);
}
