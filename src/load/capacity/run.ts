import type { LoadResult } from "../result.ts";
import type { CapacityProbe, CapacityResult } from "./result.ts";
import { nextProbe, type CapacityOptions, type Probe, type ProbeOutcome } from "./search.ts";

interface CapacityRunOptions extends Required<Pick<CapacityOptions, "minPerSec" | "repeats" | "resolution">> {
  maxPerSec: number | undefined;
  holdMs: number;
  warmupMs: number;
  slos: readonly string[];
  target: string;
}

interface CapacityDeps {
  /** Holds a rate; undefined: it was interrupted before it said anything. */
  probe: (ratePerSec: number) => Promise<LoadResult | undefined>;
  /** Before each probe, and with what the last one said after it. */
  onProbe?: (next: { ratePerSec: number; kind: Probe["kind"] }, done: readonly CapacityProbe[]) => void;
  /** Stops the search: what is known is reported. */
  signal?: AbortSignal;
}

/** Searches the highest rate that holds, one load run after the other. */
export async function findCapacity(options: CapacityRunOptions, deps: CapacityDeps): Promise<CapacityResult> {
  const { minPerSec, maxPerSec, repeats, resolution, holdMs, warmupMs, slos, target } = options;
  const search: CapacityOptions = { minPerSec, repeats, resolution, ...(maxPerSec !== undefined && { maxPerSec }) };
  const probes: CapacityProbe[] = [];
  let interrupted = false;
  let colocated: boolean | null = null;
  let step = nextProbe(probes, search);
  while ("probe" in step) {
    const { ratePerSec, kind } = step.probe;
    deps.onProbe?.(step.probe, probes);
    const result = deps.signal?.aborted ? undefined : await deps.probe(ratePerSec);
    // A run that was cut short says nothing about the rate that it was to hold.
    if (!result || result.interrupted) {
      interrupted = true;
      // Its own bound on probes makes the search say what is known by now.
      step = nextProbe(probes, { ...search, maxProbes: probes.length });
      break;
    }
    colocated = result.generator.colocated;
    probes.push({ ratePerSec, kind, ...probeOf(result) });
    step = nextProbe(probes, search);
  }
  if (!("done" in step)) throw new Error("the capacity search went on beyond its bound");
  const { done } = step;
  const bound = probes.findLast(({ outcome }) => outcome.kind === "inconclusive");
  return {
    ratePerSec: done.ratePerSec,
    interval: done.interval,
    firstBroken: done.firstBroken ?? null,
    generatorBound: done.generatorBound,
    generatorReason: done.generatorBound && bound?.outcome.kind === "inconclusive" ? bound.outcome.reason : null,
    confirmed: done.confirmed && !interrupted,
    interrupted,
    target,
    slos: [...slos],
    colocated,
    options: { minPerSec, maxPerSec: maxPerSec ?? null, holdMs, warmupMs, repeats, resolution },
    probes,
  };
}

function probeOf(result: LoadResult): Omit<CapacityProbe, "ratePerSec" | "kind"> {
  const { counts, rates, responseTimeUs, serviceTimeUs, scheduleLagUs, recall } = result;
  return {
    outcome: outcomeOf(result),
    completedPerSec: rates.completedPerSec,
    errors: counts.scheduled === 0 ? 0 : (counts.scheduled - counts.ok) / counts.scheduled,
    responseP50Us: responseTimeUs.p50,
    responseP99Us: responseTimeUs.p99,
    serviceP99Us: serviceTimeUs.p99,
    scheduleLagP99Us: scheduleLagUs.p99,
    recall: recall[0]?.mean ?? null,
  };
}

/** What a load run says about its rate. */
function outcomeOf({ verdict, reasons, thresholds }: Pick<LoadResult, "verdict" | "reasons" | "thresholds">): ProbeOutcome {
  if (verdict === "pass") return { kind: "pass" };
  if (verdict === "inconclusive") return { kind: "inconclusive", reason: reasons[0] ?? "the generator was the limit" };
  const broke = thresholds
    .filter(({ ok }) => !ok)
    .toSorted((a, b) => excess(b) - excess(a))
    .map(({ expression }) => expression);
  return { kind: "fail", broke };
}

/** By what factor a limit was missed. */
function excess({ actual, limit, unit, expression }: LoadResult["thresholds"][number]): number {
  if (actual === null) return unit === "us" ? Number.POSITIVE_INFINITY : 1e9;
  const ratio = actual / Math.max(limit, 1e-9);
  return expression.includes("<") ? ratio : 1 / Math.max(ratio, 1e-9);
}
