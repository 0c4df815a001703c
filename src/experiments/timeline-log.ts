import type { Run, RunEvent } from "../runs/index.ts";
import type { Clock } from "../runtime.ts";

/** Everything that happens, on one timeline: into the run's journal at once, and to whoever polls. */
export class TimelineLog {
  /** Epoch ms of the measurement's start; undefined before. */
  startedAt: number | undefined;
  readonly #run: Pick<Run, "event">;
  readonly #clock: Clock;
  #fresh: RunEvent[] = [];

  constructor(run: Pick<Run, "event">, clock: Clock) {
    this.#run = run;
    this.#clock = clock;
  }

  /** @param at epoch ms; now unless given */
  tell(kind: string, name: string, phase: RunEvent["phase"], detail?: unknown, at: number = this.#clock.nowMs()): void {
    const event: RunEvent = { at, kind, name, phase, ...(detail !== undefined && { detail }) };
    this.#fresh.push(event);
    this.#run.event(event);
  }

  /** What the load tells of itself and of its clients; it knows it already. */
  fromLoad(event: RunEvent): void {
    if (event.kind === "load" && event.name === "measure" && event.phase === "start") this.startedAt = event.at;
    this.#run.event(event);
  }

  /** What was told since the last call. */
  poll = (): RunEvent[] => {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  };

  /** Ms after the measurement began. */
  nowMs(): number {
    return this.#clock.nowMs() - (this.startedAt ?? this.#clock.nowMs());
  }
}
