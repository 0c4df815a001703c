/** What the decision to hedge looks at. */
export interface HedgeInput {
  mode: "off" | "p95";
  /** Of the node that was asked; NaN where too little is measured. */
  p95Us: number;
  /** After which somebody else is asked in any case. */
  slowAfterUs: number;
  /** How many requests more the budget has. */
  tokens: number;
}

/** Below this a hedge would come before the answer could, by the clock of this machine alone. */
const leastDelayUs = 1_000;

/**
 * After how long without an answer somebody else is asked as well, µs after the request was sent; undefined: not before it
 * counts as slow. The answer that comes first is used.
 */
export function hedgeAfterUs({ mode, p95Us, slowAfterUs, tokens }: HedgeInput): number | undefined {
  if (mode === "off" || Number.isNaN(p95Us) || tokens < 1) return undefined;
  const delayUs = Math.max(leastDelayUs, p95Us);
  return delayUs < slowAfterUs ? delayUs : undefined;
}

/** Each request pays this part of a hedge: at most one in ten is one. (On a usual day one in twenty waits for its p95: as many are left for a bad one.) */
export const hedgeEarns = 0.1;
/** Hedges saved up at most. */
export const hedgeBurst = 10;
