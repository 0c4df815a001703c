/** One line of a run's `journal.ndjson` and of anything that wants a place on its timeline. */
export interface RunEvent {
  /** Milliseconds since the epoch. */
  at: number;
  /** `load`, `fault`, `migration`, `step`, `note`. */
  kind: string;
  name: string;
  phase: "start" | "end";
  detail?: unknown;
}

/** What `result.json` of a run holds; written when it ends. A run without one is interrupted, running or dead. */
export interface RunSummary {
  id: string;
  command: string;
  cluster?: string;
  startedAt: number;
  endedAt?: number;
  pid: number;
  state: "running" | "done" | "failed" | "interrupted" | "dead";
  exitCode?: number;
  /** A command line that goes on where this one stopped. */
  resume?: string;
}

/** An open run: everything long has one. */
export interface Run {
  readonly id: string;
  /** `$XDG_STATE_HOME/ragctl/runs/{id}`. */
  readonly dir: string;
  /** Appends to the journal; durable (fsync) when asked. */
  event(event: Omit<RunEvent, "at"> & { at?: number }, options?: { durable?: boolean }): void;
  /** Ends the run: writes `result.json`. */
  end(outcome: { exitCode: number; state: RunSummary["state"]; result?: unknown; resume?: string }): void;
}
