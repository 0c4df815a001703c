import type { ClusterNodes } from "../cluster/nodes.ts";
import type { Clock } from "../runtime.ts";
import type { StateStore } from "../state/contract.ts";
import { formatDurationMs } from "../units.ts";
import type { Governor } from "./contract.ts";
import { halfDone } from "./trouble.ts";

const probeEveryMs = 500;
const probeTimeoutMs = 1_000;
/** The latest probes of a node that its latency is judged by. */
const remembered = 6;

export interface NodeProbe {
  id: string;
  answers: boolean;
  latencyUs: number | undefined;
}

/**
 * Why a migration should hold back; undefined where all is well. Pure.
 * @param rounds the latest probes of all nodes, newest last
 * @param objectiveUs what the cluster promises; more than half of a node's latest probes above it means that it has enough to do
 */
export function reasonToWait(rounds: readonly (readonly NodeProbe[])[], objectiveUs: number | undefined): string | undefined {
  const latest = rounds.at(-1) ?? [];
  const silent = latest.find(({ answers }) => !answers);
  if (silent) return `node ${silent.id} does not answer`;
  if (objectiveUs === undefined || rounds.length < remembered) return undefined;
  for (const { id } of latest) {
    const slow = rounds.filter((round) => (round.find((probe) => probe.id === id)?.latencyUs ?? 0) > objectiveUs);
    if (slow.length * 2 > rounds.length) return `node ${id} answers more slowly than the cluster's objective allows`;
  }
  return undefined;
}

export interface GovernorOptions {
  state: StateStore;
  nodes: ClusterNodes;
  collection: string;
  clock: Clock;
  objectiveUs: number | undefined;
  patienceMs: number;
  /** Nodes that do not matter: they leave the cluster. */
  ignored: ReadonlySet<string>;
  /** Nor do those that do not answer: what is done can do without them. */
  withoutSilent?: boolean;
  note: (text: string) => void;
}

/** Probes every node of the table twice a second, and holds copies back while that says so. */
export function startGovernor(options: GovernorOptions): Governor & { stop(): void } {
  const { state, nodes, collection, clock, objectiveUs, patienceMs, ignored, withoutSilent = false, note } = options;
  const closing = new AbortController();
  const rounds: NodeProbe[][] = [];
  const now: { reason: string | undefined } = { reason: undefined };
  const look = async () => {
    const table = await state.getTable(collection);
    const ids = Object.keys(table?.nodes ?? {}).filter((id) => !ignored.has(id));
    const round = await Promise.all(
      ids.map(async (id) => {
        const node = nodes.ofTable(id, table!.nodes[id]!.url);
        const { ok, latencyUs } = await node.control.health({ timeoutMs: probeTimeoutMs, signal: closing.signal });
        return { id, answers: ok, latencyUs };
      }),
    );
    rounds.push(withoutSilent ? round.filter(({ answers }) => answers) : round);
    if (rounds.length > remembered) rounds.shift();
    now.reason = reasonToWait(rounds, objectiveUs);
  };
  void (async () => {
    while (!closing.signal.aborted) {
      // The state store's troubles are met, and said, by the mover itself.
      await look().catch(() => undefined);
      await clock.sleep(probeEveryMs, closing.signal, { ref: false }).catch(() => undefined);
    }
  })();
  return {
    async calm(signal) {
      if (now.reason === undefined) return;
      const sinceMs = clock.nowMs();
      note(`paused: ${now.reason}`);
      while (now.reason !== undefined) {
        await clock.sleep(probeEveryMs / 2, signal);
        if (clock.nowMs() - sinceMs > patienceMs)
          throw halfDone(`Paused for ${formatDurationMs(patienceMs)}: ${now.reason}.`, "cluster-degraded");
      }
      note(`goes on after ${formatDurationMs(clock.nowMs() - sinceMs)}`);
    },
    stop: () => closing.abort(new Error("the migration has ended")),
  };
}
