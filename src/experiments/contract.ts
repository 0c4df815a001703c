import type { watchConditions } from "../faults/guard/index.ts";
import type { FaultRequest, RunFaultDeps } from "../faults/run-fault.ts";
import type { FaultResult } from "../faults/result.ts";
import type { ExitCode } from "../errors.ts";
import type { LoadProgress } from "../load/result.ts";
import type { Run } from "../runs/index.ts";
import type { Runtime } from "../runtime.ts";
import type { warm } from "../warming/index.ts";
import type { Checker } from "./checker/index.ts";

/** Where the experiment is. */
type Phase = "setup" | "before" | "method" | "recovery" | "audit";

/** What an experiment is given. Everything that reaches beyond `src`, or that tests replace, comes in here. */
export interface ExperimentDeps {
  runtime: Runtime;
  /** Its journal takes the timeline. */
  run: Pick<Run, "id" | "dir" | "event">;
  /** For people. */
  note: (text: string) => void;
  warn: (text: string) => void;
  /** Runs a command line of ragctl in this process. */
  invoke: (argv: string[]) => Promise<{ exitCode: ExitCode; error?: { message: string } }>;
  /** One fault from a request to its proof. */
  runFault: (request: FaultRequest, deps: RunFaultDeps) => Promise<FaultResult>;
  /** Fills a cache. */
  warm: typeof warm;
  /** Replaced in tests. */
  watchConditions?: typeof watchConditions;
  /** Hears of the writes to these collections, and audits them at the end. */
  openChecker?: (collections: readonly string[]) => Promise<Checker>;
  onPhase?: (phase: Phase) => void;
  onProgress?: (progress: LoadProgress) => void;
}
