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

/**
 * What `run.json` of a run holds: written when it begins and again when it ends (what it gave stands in `result.json`).
 * `dead` is never written: it is what a reader makes of `running` whose process is gone.
 */
export interface RunSummary {
  id: string;
  command: string;
  cluster?: string;
  startedAt: number;
  endedAt?: number;
  pid: number;
  /** With the pid, the process's identity (`src/process-identity.ts`). */
  processStart?: string;
  /** The result's own `verdict`, where it has one. */
  verdict?: string;
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
  /**
   * Appends to the journal. Durable (fsync) when asked, and then it throws (exit 5) where that fails, so that nothing is
   * done that no journal knows of; otherwise a journal that fails is a warning, once.
   */
  event(event: Omit<RunEvent, "at"> & { at?: number }, options?: { durable?: boolean }): void;
  /** Ends the run: writes `result.json`, then `run.json`. Never throws: a failure to write is a warning. */
  end(outcome: { exitCode: number; state: RunSummary["state"]; result?: unknown; resume?: string }): void;
}
