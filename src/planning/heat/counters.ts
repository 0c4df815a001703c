import type { Clock } from "../../runtime.ts";
import type { Nodes } from "../node-access.ts";

/** What asks a node for points: searches in all their forms, and fetches by id; not writes, counts and scrolls. */
const asking = /\/points(?:\/(?:query|search|recommend|discover)(?:\/(?:batch|groups))?)?$/;

/** Searches and fetches among a node's own counters (Prometheus' text format, Qdrant's names); undefined where there are none. */
export function searchesIn(metrics: string): number | undefined {
  let total: number | undefined;
  for (const line of metrics.split("\n")) {
    const match = /^rest_responses_total\{(.*)\} (\S+)/.exec(line);
    if (!match) continue;
    const labels = Object.fromEntries([...match[1]!.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    if (labels["method"] === "POST" && asking.test(labels["endpoint"] ?? "")) total = (total ?? 0) + Number(match[2]);
    else total ??= 0;
  }
  return total;
}

/**
 * Searches a second of each node, from its own counters, read twice.
 * @returns nodes that count; undefined where none does
 */
export async function measureHeat(
  nodes: Nodes,
  ids: readonly string[],
  { clock, windowMs, signal }: { clock: Clock; windowMs: number; signal: AbortSignal },
): Promise<Map<string, number> | undefined> {
  const look = () =>
    Promise.all(
      ids.map((id) =>
        nodes
          .of(id)
          .searches()
          .catch(() => undefined),
      ),
    );
  const first = await look();
  const startUs = clock.monotonicUs();
  await clock.sleep(windowMs, signal);
  const second = await look();
  const seconds = (clock.monotonicUs() - startUs) / 1e6;
  const rates = ids.flatMap((id, index): [string, number][] => {
    const [was, is] = [first[index], second[index]];
    // A counter that went back belongs to a node that was restarted meanwhile.
    return was === undefined || is === undefined ? [] : [[id, Math.max(0, is - was) / seconds]];
  });
  return rates.length === 0 ? undefined : new Map(rates);
}
