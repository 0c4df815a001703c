import type { Rng } from "../../src/runtime.ts";

/**
 * Draws 1 … keys with weights 1/k^alpha, in constant time and no memory: rejection-inversion (Hörmann and Derflinger 1996), as Apache Commons has it.
 * @param alpha above zero, not 1
 */
export function zipfDraws(keys: number, alpha: number, rng: Rng): () => number {
  const integral = (x: number) => (x ** (1 - alpha) - 1) / (1 - alpha);
  const inverse = (y: number) => (1 + y * (1 - alpha)) ** (1 / (1 - alpha));
  const from = integral(1.5) - 1;
  const to = integral(keys + 0.5);
  const safe = 2 - inverse(integral(2.5) - 2 ** -alpha);
  return () => {
    for (;;) {
      const u = to + rng() * (from - to);
      const x = inverse(u);
      const k = Math.min(keys, Math.max(1, Math.floor(x + 0.5)));
      if (k - x <= safe || u >= integral(k + 0.5) - k ** -alpha) return k;
    }
  };
}
