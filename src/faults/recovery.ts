import type { ClusterConfig, NodeConfig } from "../config/schema.ts";
import type { Runtime } from "../runtime.ts";
import type { RoutingTable } from "../sharding/table.ts";
import { askReady, type Readiness } from "./ready.ts";
import type { FaultResult } from "./result.ts";

type Recovery = NonNullable<FaultResult["recovery"]>;

export interface RecoveryDeps {
  clock: Runtime["clock"];
  note: (text: string) => void;
  ready: (node: Pick<NodeConfig, "url">) => Promise<Readiness>;
  /** Of a routed cluster; none for a native one. */
  tables: () => Promise<RoutingTable[]>;
}

const lookEveryMs = 100;
/** The supervisor of `up` repairs by itself: a request timeout after the node answers, then as long as the copy takes. */
const repairedHereMs = 60_000;
/** Elsewhere somebody may, or nobody. */
const repairedElsewhereMs = 10_000;

export function recoveryDeps(cluster: ClusterConfig, runtime: Runtime, note: (text: string) => void): RecoveryDeps {
  return {
    clock: runtime.clock,
    note,
    ready: (node) => askReady(new URL("/readyz", node.url).href, { timeoutMs: 1_000 }),
    tables: async () => (await import("../status/tables.ts")).readTables(cluster, runtime),
  };
}

/**
 * Waits until nodes that were taken away answer again, and until no routing table calls one stale; bounded.
 * @param injectedUs monotonic: what the figures count from
 */
export async function watchRecovery(
  { cluster, nodes, injectedUs }: { cluster: Pick<ClusterConfig, "source">; nodes: readonly NodeConfig[]; injectedUs: number },
  { clock, note, ready, tables }: RecoveryDeps,
  signal: AbortSignal,
): Promise<Recovery> {
  const sinceMs = () => Math.round((clock.monotonicUs() - injectedUs) / 1000);
  const endMs = sinceMs() + (cluster.source.kind === "local" ? repairedHereMs : repairedElsewhereMs);
  const recovery: Recovery = { backMs: null, stale: [], servingMs: null };
  const seen = new Set<string>();
  while (!signal.aborted) {
    const [states, known] = await Promise.all([
      recovery.backMs === null ? Promise.all(nodes.map(ready)) : undefined,
      tables().catch(() => undefined),
    ]);
    if (states?.every((state) => state === "yes")) recovery.backMs = sinceMs();
    const stale = known && nodes.map(({ id }) => id).filter((id) => known.some((table) => table.nodes[id]?.state === "stale"));
    if (stale?.length && !seen.size) note(`${stale.join(", ")} missed writes and must be repaired before serving`);
    for (const id of stale ?? []) seen.add(id);
    if (recovery.backMs !== null && stale?.length === 0) {
      recovery.servingMs = sinceMs();
      break;
    }
    if (sinceMs() >= endMs) break;
    await clock.sleep(lookEveryMs, signal).catch(() => undefined);
  }
  return { ...recovery, stale: nodes.map(({ id }) => id).filter((id) => seen.has(id)) };
}
