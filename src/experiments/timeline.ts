import type { Step } from "./profile/step.ts";

/** A step with its place on the timeline, as far as that is known beforehand. Ms after the method begins. */
export interface PlannedStep {
  index: number;
  /** Of the profile's method: several steps may come from one. */
  source: number;
  label: string;
  step: Step;
  /** The earliest moment; `exact: false` where something before it takes as long as it takes. */
  atMs: number;
  exact: boolean;
  /** How long it takes at most; a fault's own length for faults, although the method goes on meanwhile. */
  lengthMs: number;
}

export interface Timeline {
  steps: PlannedStep[];
  /** From the first step to when the last fault is healed, at most. */
  lengthMs: number;
  exact: boolean;
}

/** How long a node that came back may take until it is repaired and serves. */
const servingWithinMs = 120_000;

/**
 * Pure: steps in their order, each at the moment when the one before is done, or at its own `at` where that is later. Faults do not hold up what comes after
 * them. A rolling fault becomes one fault a node, each with a wait until that node serves.
 * @param nodesOf the nodes of a rolling fault, in their order
 */
export function planTimeline(method: readonly Step[], nodesOf: (step: Step & { kind: "fault" }) => string[]): Timeline {
  const steps: PlannedStep[] = [];
  let nowMs = 0;
  let exact = true;
  let lastMs = 0;
  const put = (source: number, step: Step) => {
    const atMs = Math.max(nowMs, step.atMs ?? 0);
    // A moment of its own that lies beyond whatever may be late is exact all the same: the wait for it takes up the slack.
    const sure = exact || (step.atMs !== undefined && step.atMs >= nowMs);
    const lengthMs = lengthOf(step);
    steps.push({ index: steps.length, source, label: labelOf(step), step, atMs, exact: sure, lengthMs });
    lastMs = Math.max(lastMs, atMs + lengthMs);
    if (step.kind === "fault") {
      nowMs = atMs;
      exact = sure;
      return;
    }
    nowMs = atMs + (step.kind === "scale" ? 0 : lengthMs);
    exact = sure && (step.kind === "wait" || step.kind === "scale");
  };
  for (const [source, step] of method.entries()) {
    if (step.kind !== "fault" || !step.rolling) {
      put(source, step);
      continue;
    }
    const { atMs, ...rest } = step;
    for (const [turn, node] of nodesOf(step).entries()) {
      put(source, { ...rest, ...(turn === 0 && atMs !== undefined && { atMs }), aim: { nodes: [node] }, rolling: false });
      put(source, { kind: "until", until: "serving", atMostMs: step.forMs + servingWithinMs });
    }
  }
  return { steps, lengthMs: lastMs, exact };
}

function lengthOf(step: Step): number {
  switch (step.kind) {
    case "fault":
      return step.forMs;
    case "wait":
      return step.ms;
    case "until":
      return step.atMostMs;
    case "scale":
      return step.overMs;
    default:
      return step.timeoutMs;
  }
}

/** What the step does, in a few words. */
export function labelOf(step: Step): string {
  if (step.name !== undefined) return step.name;
  switch (step.kind) {
    case "fault": {
      const { nodes, zone, random } = step.aim;
      const where = nodes?.join(", ") ?? (zone === undefined ? undefined : zone === "any" ? "any zone" : `zone ${zone}`);
      const chance = random === undefined ? undefined : random === "minority" ? "a minority" : `${random} at random`;
      const aim = where ?? chance;
      return aim === undefined ? step.fault : `${step.fault} ${aim}`;
    }
    case "wait":
      return "wait";
    case "until":
      return `wait until ${step.until}`;
    case "scale":
      return `load ×${step.factor}`;
    case "warm":
      return `warm the cache${step.zone === undefined ? "" : step.zone === "other" ? " of another zone" : ` of zone ${step.zone}`}`;
    case "ragctl":
      return `ragctl ${step.argv.join(" ")}`;
    case "command":
      return step.argv.join(" ");
  }
}
