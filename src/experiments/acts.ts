import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { GuardSettings } from "../faults/guard/index.ts";
import type { StoppedBy } from "../faults/guard/result.ts";
import type { ExperimentDeps } from "./contract.ts";
import type { Step } from "./profile/step.ts";
import type { TimelineLog } from "./timeline-log.ts";
import { labelOf } from "./timeline.ts";

/** One fault of the method, on its way. Ms after the measurement began. */
export interface ActRecord {
  /** Of the planned steps. */
  step: number;
  fault: string;
  nodes: string[];
  id: string;
  injectedMs: number;
  /** Proven gone. */
  healedMs: number | undefined;
  /** Why it ended before its time, or badly. */
  problem: { message: string; exitCode: number } | undefined;
}

type FaultStep = Step & { kind: "fault" };

/** The faults of an experiment: each in the background, all healed by one signal. */
export class Acts {
  readonly records: ActRecord[] = [];
  readonly #cluster: ClusterConfig;
  readonly #deps: Pick<ExperimentDeps, "runtime" | "note" | "runFault">;
  readonly #log: TimelineLog;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #onProblem: (act: ActRecord) => void;
  readonly #guards: GuardSettings;

  /** @param onProblem a fault that was begun ended badly */
  constructor(
    cluster: ClusterConfig,
    deps: Pick<ExperimentDeps, "runtime" | "note" | "runFault">,
    log: TimelineLog,
    guards: GuardSettings,
    onProblem: (act: ActRecord) => void,
  ) {
    this.#guards = guards;
    this.#cluster = cluster;
    this.#deps = deps;
    this.#log = log;
    this.#onProblem = onProblem;
  }

  /**
   * Resolves once every target is broken; the fault goes on by itself.
   * @throws RagctlError where it could not be injected: exit 7 where a guard refuses
   */
  async begin(step: FaultStep, index: number): Promise<ActRecord> {
    const label = labelOf(step);
    const injected = Promise.withResolvers<ActRecord>();
    let act: ActRecord | undefined;
    const request = { cluster: this.#cluster, fault: step.fault, ...selectionOf(step), options: step.options, forMs: step.forMs };
    const run = this.#deps
      // What is not whole by now may be the doing of this experiment's earlier faults; before the first it must be.
      .runFault(
        { ...request, guards: { ...this.#guards, ...(this.records.length > 0 && { allowDegraded: true }) } },
        {
          runtime: this.#deps.runtime,
          note: this.#deps.note,
          locked: true,
          awaitRecovery: false,
          stop: this.#stop.signal,
          event: (phase, detail) => {
            if (phase === "end" && act && (detail as { probe?: string } | undefined)?.probe === "gone")
              act.healedMs ??= this.#log.nowMs();
            this.#log.tell("fault", label, phase, detail);
          },
          onInjected: ({ id, targets }) => {
            act = {
              step: index,
              fault: step.fault,
              nodes: [...new Set(targets.map(({ node }) => node))],
              id,
              injectedMs: this.#log.nowMs(),
              healedMs: undefined,
              problem: undefined,
            };
            this.records.push(act);
            injected.resolve(act);
          },
        },
      )
      .then(
        ({ healed }) => {
          if (act && healed) act.healedMs ??= this.#log.nowMs();
        },
        (error: unknown) => {
          if (!act) return injected.reject(error);
          // An interruption heals first, and is no problem of the fault's.
          if (this.#deps.runtime.signal.aborted && !isUnhealed(error)) act.healedMs ??= this.#log.nowMs();
          else {
            act.problem = {
              message: (error as Error).message,
              exitCode: error instanceof RagctlError ? error.exitCode : ExitCode.bug,
            };
            this.#onProblem(act);
          }
        },
      );
    this.#running.add(run);
    void run.then(() => this.#running.delete(run));
    return await injected.promise;
  }

  /** Every fault that was begun has been healed, or could not be. */
  async allHealed(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Heals them all now. */
  stop(reason: StoppedBy): void {
    this.#stop.abort(reason);
  }

  get unhealed(): { id: string; message: string }[] {
    return this.records.flatMap(({ id, healedMs, problem }) =>
      healedMs === undefined && problem ? [{ id, message: problem.message }] : [],
    );
  }
}

function selectionOf({ aim }: FaultStep): { nodes?: string[]; zone?: string } {
  if (aim.zone !== undefined) return { zone: aim.zone };
  return aim.nodes ? { nodes: aim.nodes } : {};
}

function isUnhealed(error: unknown): boolean {
  return error instanceof RagctlError && error.exitCode === ExitCode.unhealed;
}
