import type { RunEvent } from "../runs/contract.ts";
import type { Clock } from "../runtime.ts";

/**
 * What a client tells of its nodes while it works, as entries of a run's timeline: `name` is the node, `start` and `end` are paired by kind and name (of several
 * clients each tells what it sees). A client that is closed leaves open what has not ended.
 *
 * | kind | from | to | detail of the start |
 * | --- | --- | --- | --- |
 * | `breaker` | the node's breaker opened: others are asked | it is closed again | |
 * | `half-open` | a step of the traffic returns | the next step, open again, or closed | `share` of the traffic |
 * | `silent` | a request had no answer for long, and neither had the node's health | it answers again | |
 * | `stale` | this client sees that the node missed an acknowledged write | it was repaired, and serves | `collection`; `own`: by this client's write |
 * | `quiet` | an unanswered write to it may still land: nobody writes to it | that time is over | `collection` |
 * | `hedge` | others were asked in the node's place, for the first time in a second | that second's end, or the next told after it | `count` in that second, at its end |
 */
export type ClientEventKind = "breaker" | "half-open" | "silent" | "stale" | "quiet" | "hedge";

export interface ClientEvent extends RunEvent {
  kind: ClientEventKind;
  detail: { client: string; collection?: string; own?: boolean; share?: number; count?: number };
}

/** Takes them, in the order in which they happen. Must not throw. */
export type OnClientEvent = (event: ClientEvent) => void;
