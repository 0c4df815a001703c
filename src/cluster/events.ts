import type { RunEvent } from "../runs/contract.ts";
import type { Clock } from "../runtime.ts";

/**
 * What a client tells of its nodes while it works, as entries of a run's timeline: `name` is the node, `start` and `end` are paired by kind and name (of several
 * clients each tells what it sees). A client that is closed leaves open what has not ended.
 *
 * | kind | from | to | detail |
 * | --- | --- | --- | --- |
 * | `breaker` | the node's breaker opened: others are asked | it is closed again | |
 * | `half-open` | a step of the traffic returns | the next step, open again, or closed | `share` of the traffic |
 * | `silent` | a request had no answer for long, and neither had the node's health | it answers again | |
 * | `stale` | this client sees that the node missed an acknowledged write | it was repaired, and serves | `collection`; `own`: by this client's write |
 * | `quiet` | an unanswered write to it may still land: nobody writes to it | that time is over | `collection` |
 * | `hedge` | others are asked in the node's place because it takes long: the first time in a second | the first time after that second, or the client's end | at the end: `count` |
 * | `memory-only` | `name` is a Redis: it failed, and the cache goes on from memory | it is well again | `problem` |
 */
type ClientEventKind = "breaker" | "half-open" | "silent" | "stale" | "quiet" | "hedge" | "memory-only";

export interface ClientEvent extends RunEvent {
  kind: ClientEventKind;
  detail: { client: string; collection?: string; own?: boolean; share?: number; count?: number; problem?: string };
}

/** Takes them, in the order in which they happen. Must not throw. */
export type OnClientEvent = (event: ClientEvent) => void;

/** Says something of a node, now. */
export type Tell = (
  kind: ClientEventKind,
  node: string,
  phase: ClientEvent["phase"],
  detail?: Omit<ClientEvent["detail"], "client">,
) => void;

/** @param client who tells: its purpose */
export function teller(onEvent: OnClientEvent | undefined, clock: Clock, client: string): Tell {
  if (!onEvent) return () => {};
  return (kind, node, phase, detail) => onEvent({ at: clock.nowMs(), kind, name: node, phase, detail: { client, ...detail } });
}

const hedgeSecondMs = 1_000;

/** Counts what was asked in each node's place, and tells of it once a second: there may be hundreds. */
export class HedgeTally {
  readonly #tell: Tell;
  readonly #clock: Clock;
  readonly #open = new Map<string, { sinceMs: number; count: number }>();

  constructor(tell: Tell, clock: Clock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  add(node: string): void {
    const nowMs = this.#clock.nowMs();
    const open = this.#open.get(node);
    if (open && nowMs < open.sinceMs + hedgeSecondMs) {
      open.count++;
      return;
    }
    if (open) this.#end(node, open.count);
    this.#open.set(node, { sinceMs: nowMs, count: 1 });
    this.#tell("hedge", node, "start");
  }

  /** Ends what is open: the client closes. */
  close(): void {
    for (const [node, { count }] of this.#open) this.#end(node, count);
    this.#open.clear();
  }

  #end(node: string, count: number): void {
    this.#tell("hedge", node, "end", { count });
  }
}
