import type { MemoryOnly } from "../../cache/contract.ts";
import type { OnClientEvent } from "../../cluster/events.ts";

/** Tells each episode in which a cache's Redis was left alone, as an event of the client that had it. */
export function memoryOnlyEvent(client: string, onClientEvent: OnClientEvent | undefined): (episode: MemoryOnly) => void {
  return ({ where, sinceMs, untilMs, problem }) =>
    onClientEvent?.({
      at: untilMs ?? sinceMs,
      kind: "memory-only",
      name: where,
      phase: untilMs === undefined ? "start" : "end",
      detail: { client, problem },
    });
}
