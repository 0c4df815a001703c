import type { Rng } from "../runtime.ts";
import { worstFirst } from "./balancer.ts";
import { admittedShare } from "./breaker.ts";
import type { ClusterDeps } from "./deps.ts";
import type { ClusterNode } from "./node.ts";

/**
 * Nodes by score, the worst first; open breakers go to `unavailable`, half-open ones to the front, and to `heldBack`, unless their share lets this one
 * through.
 */
export function rank(
  deps: Pick<ClusterDeps, "clock" | "nodes" | "rng">,
  nodes: readonly ClusterNode[],
  unavailable: number[],
  heldBack: number[] = [],
): number[] {
  const nowMs = deps.clock.nowMs();
  const nowUs = deps.clock.monotonicUs();
  const random: Rng = deps.rng;
  const scores = nodes.map((node, index) => {
    const admitted = admittedShare(node.breaker, nowMs);
    if (admitted === 0) unavailable.push(index);
    const score = deps.nodes.scoreOf(node, nowMs, nowUs);
    if (admitted >= 1 || random() < admitted) return score;
    if (admitted > 0) heldBack.push(index);
    return score + 1e9;
  });
  return worstFirst(scores, random);
}
