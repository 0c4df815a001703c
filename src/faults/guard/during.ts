import type { ClusterConfig } from "../../config/schema.ts";
import type { Runtime } from "../../runtime.ts";
import { leaseRenewMs } from "../contract.ts";
import { askReady, type Readiness } from "../ready.ts";
import { activeFaults } from "./active.ts";
import { namesOf, type StoppedBy } from "./result.ts";

/** Looks on while something lasts; `signal` aborts with a `StoppedBy` when it must end. */
export interface StopWatch {
  readonly signal: AbortSignal;
  end(): Promise<void>;
}

/** Nobody listens, so often in a row: dead. */
const refusalsMax = 2;
/** Takes connections and says nothing for so long: as good as dead. A node under load may be silent for a moment. */
const silentMaxMs = 5_000;
const askMs = 2_000;

/** What is known of a node that no fault of ours acts on. */
export interface NodeSign {
  refusals: number;
  silentSinceMs?: number;
}

/** Pure: what one more answer makes of it, and whether it is lost by now. */
export function nextSign(sign: NodeSign | undefined, answer: Readiness, nowMs: number): { sign: NodeSign; lost: boolean } {
  if (answer === "refused") {
    const refusals = (sign?.refusals ?? 0) + 1;
    return { sign: { refusals }, lost: refusals >= refusalsMax };
  }
  if (answer !== "silent") return { sign: { refusals: 0 }, lost: false };
  const silentSinceMs = sign?.silentSinceMs ?? nowMs;
  return { sign: { refusals: 0, silentSinceMs }, lost: nowMs - silentSinceMs >= silentMaxMs };
}

/**
 * The guard while a fault lasts: asks every other node for a sign of life each second, and stops everything where one is lost
 * that no fault of this process acts on. A blast radius that was judged with it alive no longer holds.
 * @param down nodes that did not serve before the fault: nothing new is learnt from them
 */
export function watchNodes(
  { cluster, down }: { cluster: ClusterConfig; down: readonly string[] },
  runtime: Pick<Runtime, "clock" | "pid" | "stateDir">,
  ask: typeof askReady = askReady,
): StopWatch {
  const { clock } = runtime;
  const stop = new AbortController();
  const ended = new AbortController();
  const signs = new Map<string, NodeSign>();
  const expected = new Set(down);
  const look = async (): Promise<string[]> => {
    const faulted = new Set(activeFaults(cluster, runtime).own.map(({ node }) => node));
    const others = cluster.nodes.filter(({ id }) => !faulted.has(id) && !expected.has(id));
    const lost = await Promise.all(
      others.map(async ({ id, url }) => {
        const answer = await ask(new URL("/readyz", url).href, { timeoutMs: askMs, signal: ended.signal });
        const next = nextSign(signs.get(id), answer, clock.monotonicUs() / 1000);
        signs.set(id, next.sign);
        return next.lost ? [id] : [];
      }),
    );
    return lost.flat();
  };
  const watching = (async () => {
    while (!ended.signal.aborted) {
      const lost = await look();
      if (ended.signal.aborted) return;
      if (lost.length > 0) {
        const reason = `${namesOf(lost)}, which no fault of this experiment acts on, ${lost.length === 1 ? "was" : "were"} lost meanwhile`;
        return stop.abort({ kind: "guard", reason } satisfies StoppedBy);
      }
      await clock.sleep(leaseRenewMs, ended.signal, { ref: false }).catch(() => undefined);
    }
  })();
  return {
    signal: stop.signal,
    async end() {
      ended.abort(new Error("nothing lasts any more"));
      await watching;
    },
  };
}
