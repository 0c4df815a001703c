import type { Clock } from "../runtime.ts";
import type { Health } from "./ask-health.ts";
import type { ClusterNode } from "./node.ts";

const probeEveryMs = 500;
/** So many in a row that nobody answered: one may have been this process' own, or the machine's, being busy. */
const probesMissed = 2;
export const probeTimeoutMs = 1_000;

export interface ProbeDeps {
  clock: Clock;
  /** Ends it. */
  signal: AbortSignal;
  nodes: () => readonly ClusterNode[];
  ask: (node: ClusterNode) => Promise<Health>;
  /** It answers. */
  onWell: (node: ClusterNode) => void;
  /** It has not answered several times in a row. */
  onSilent: (node: ClusterNode) => void;
}

/** While some node fails, asks its health twice a second, so that it is back in use soon after it is back. */
export class HealthProbe {
  readonly #deps: ProbeDeps;
  /** Health probes in a row that were not answered. */
  readonly #missed = new WeakMap<ClusterNode, number>();
  #probing = false;

  constructor(deps: ProbeDeps) {
    this.#deps = deps;
  }

  /** Somebody fails: resolves once all are well again. At no price where it is known already. */
  async untilWell(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    const { clock, signal, nodes } = this.#deps;
    try {
      for (;;) {
        await clock.sleep(probeEveryMs, signal, { ref: false });
        const sick = nodes().filter(({ stats, breaker }) => stats.failures > 0 || breaker.silent || breaker.phase === "open");
        if (sick.length === 0) return;
        await Promise.all(sick.map((node) => this.#probe(node)));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#probing = false;
    }
  }

  async #probe(node: ClusterNode): Promise<void> {
    const { signal, ask, onSilent, onWell } = this.#deps;
    const health = await ask(node);
    // What says nothing of the node neither adds to what was missed nor makes up for it.
    if (signal.aborted || health === "unclear") return;
    const missed = health === "well" ? 0 : (this.#missed.get(node) ?? 0) + 1;
    this.#missed.set(node, missed);
    if (missed >= probesMissed) onSilent(node);
    if (health === "well") onWell(node);
  }
}
