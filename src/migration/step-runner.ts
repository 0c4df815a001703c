import type { Journal } from "./contract.ts";

export interface StepRunner {
  /** Steps that have ended. */
  readonly done: number;
  /** Does the work of one step, which the journal and whoever watches are told of before and after. */
  run(id: string, work: () => Promise<unknown>): Promise<void>;
}

/** Runs the steps of a plan that come one after the other. */
export function stepRunner({
  journal,
  onStep,
}: {
  journal: Journal;
  onStep: (step: string, phase: "start" | "end") => void;
}): StepRunner {
  let done = 0;
  return {
    get done() {
      return done;
    },
    async run(id, work) {
      onStep(id, "start");
      journal.record(id, "start");
      await work();
      journal.record(id, "end");
      onStep(id, "end");
      done++;
    },
  };
}
