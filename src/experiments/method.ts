import { execFile } from "node:child_process";
import { ExitCode, RagctlError } from "../errors.ts";
import { formatCount, formatDurationMs, formatPercent, plural } from "../units.ts";
import type { ActRecord, Acts } from "./acts.ts";
import type { ExperimentDeps } from "./contract.ts";
import type { Step, WarmStep } from "./profile/step.ts";
import type { StepResult, Warming } from "./result.ts";
import type { TimelineLog } from "./timeline-log.ts";
import type { PlannedStep, Timeline } from "./timeline.ts";

export interface MethodDeps extends Pick<ExperimentDeps, "runtime" | "invoke" | "note"> {
  acts: Acts;
  log: TimelineLog;
  /** Ends it: an interruption, a fault that went wrong, a stop condition. */
  signal: AbortSignal;
  warm: (step: WarmStep, signal: AbortSignal) => Promise<Warming>;
  /** Every node answers, and none is stale. */
  serving: () => Promise<boolean>;
  /** The steady state holds now. */
  steady: () => boolean;
}

/** What became of the steps; `failed` is why the method ended before its end. */
export interface MethodOutcome {
  steps: StepResult[];
  failed: { message: string; refused: boolean } | undefined;
}

const lookEveryMs = 250;

/**
 * The steps, one after the other, at their times. A step that fails ends the method; faults that were begun go on until they are healed.
 * @param startMs when the method begins, ms after the measurement did
 */
export async function runMethod({ steps }: Timeline, startMs: number, deps: MethodDeps): Promise<MethodOutcome> {
  const { log, signal, note } = deps;
  const results: StepResult[] = steps.map(({ label, step }) => ({
    name: label,
    kind: step.kind,
    startMs: null,
    endMs: null,
    outcome: "skipped",
  }));
  // Scaling is in the load at moments that count from here.
  await sleepUntil(startMs, deps).catch(() => undefined);
  for (const planned of steps) {
    const result = results[planned.index]!;
    const { step, label } = planned;
    try {
      // A scale is in the load already, at the planned moment, and an `at` is a promise.
      if (step.atMs !== undefined || step.kind === "scale") await sleepUntil(startMs + planned.atMs, deps);
      signal.throwIfAborted();
      result.startMs = log.nowMs();
      if (step.kind !== "fault") log.tell("step", label, "start");
      const atMs = Math.max(0, Math.round(result.startMs - startMs));
      note(`${atMs === 0 ? "0 s" : formatDurationMs(atMs)}: ${label}`);
      const brought = await perform(planned, result, deps);
      Object.assign(result, { outcome: "done", ...brought, endMs: log.nowMs() });
      if (step.kind !== "fault") log.tell("step", label, "end", result.warming ?? (result.message && { why: result.message }));
    } catch (error) {
      const refused = error instanceof RagctlError && error.exitCode === ExitCode.refused;
      const stopped = signal.aborted;
      const { message } = error as Error;
      const begun = result.startMs !== null;
      Object.assign(result, {
        outcome: stopped ? (begun ? "stopped" : "skipped") : refused ? "refused" : "failed",
        endMs: begun ? log.nowMs() : null,
        ...(!stopped && { message }),
      });
      if (step.kind !== "fault" && begun) log.tell("step", label, "end", { failed: message });
      if (stopped) return { steps: results, failed: undefined };
      if ("mayFail" in step && step.mayFail) continue;
      return { steps: results, failed: { message: `${label}: ${message}`, refused } };
    }
  }
  return { steps: results, failed: undefined };
}

/** @returns what there is to say of it beyond that it is done */
async function perform({ step, index }: PlannedStep, result: StepResult, deps: MethodDeps): Promise<Partial<StepResult> | void> {
  const { acts, runtime, signal } = deps;
  switch (step.kind) {
    case "fault": {
      const { nodes }: ActRecord = await acts.begin(step, index);
      result.nodes = nodes;
      return;
    }
    case "wait":
      return await runtime.clock.sleep(step.ms, signal);
    case "until":
      return await waitUntil(step, deps);
    case "scale":
      return; // The load does it by itself.
    case "warm":
      return await performWarm(step, result, deps);
    case "ragctl": {
      const ended = await withTimeout(() => deps.invoke(step.argv), step.timeoutMs, deps);
      if (ended.exitCode !== ExitCode.ok)
        throw new Error(`ended with exit code ${ended.exitCode}${ended.error ? `: ${ended.error.message}` : ""}`);
      return;
    }
    case "command":
      return await runCommand(step, deps);
  }
}

async function performWarm(step: WarmStep, result: StepResult, deps: MethodDeps): Promise<Partial<StepResult>> {
  if (step.skip !== undefined) {
    deps.note(`left out: ${step.skip}`);
    return { outcome: "skipped", message: step.skip };
  }
  const warming = await withTimeout((over) => deps.warm(step, over), step.timeoutMs, deps);
  result.warming = warming;
  const message = warmingSays(warming);
  deps.note(message);
  if (warming.failed > 0) throw new Error(message);
  return { message };
}

function warmingSays({ planned, warmed, skipped, failed, hitRateBefore, hitRateAfter }: Warming): string {
  const there = skipped > 0 ? `, ${formatCount(skipped)} were there already` : "";
  const hits =
    hitRateBefore === null || hitRateAfter === null
      ? ""
      : `; hits ${formatPercent(hitRateBefore)} before, ${formatPercent(hitRateAfter)} after`;
  return `${formatCount(warmed)} of ${plural(planned, "question")} warmed${there}, ${formatCount(failed)} failed${hits}`;
}

async function waitUntil({ until, atMostMs }: Step & { kind: "until" }, deps: MethodDeps): Promise<void> {
  const { acts, runtime, signal, serving, steady } = deps;
  const { clock } = runtime;
  const endUs = clock.monotonicUs() + atMostMs * 1000;
  let healed = false;
  void acts.allHealed().then(() => (healed = true));
  for (;;) {
    await clock.sleep(lookEveryMs, signal);
    if (healed && (until === "healed" || ((await serving()) && (until === "serving" || steady())))) return;
    if (clock.monotonicUs() >= endUs) throw new Error(`not within ${formatDurationMs(atMostMs)}`);
  }
}

async function runCommand(
  { argv: [program, ...args], timeoutMs }: Step & { kind: "command" },
  { runtime, signal }: MethodDeps,
): Promise<void> {
  const { env, cwd } = runtime;
  await new Promise<void>((resolve, reject) => {
    execFile(
      program!,
      args,
      { cwd, env: { ...env }, timeout: timeoutMs, signal, maxBuffer: 16 * 2 ** 20 },
      (error, _stdout, stderr) => {
        if (!error) return resolve();
        const said = stderr.trim().split("\n").at(-1) ?? "";
        if (error.killed === true && !signal.aborted) return reject(new Error(`not within ${formatDurationMs(timeoutMs)}`));
        reject(
          new Error(typeof error.code === "number" ? `ended with exit code ${error.code}${said && `: ${said}`}` : error.message),
        );
      },
    );
  });
}

/** @param work is told when nobody waits for it any more */
async function withTimeout<T>(
  work: (over: AbortSignal) => Promise<T>,
  timeoutMs: number,
  { runtime, signal }: MethodDeps,
): Promise<T> {
  const over = new AbortController();
  const ended = AbortSignal.any([over.signal, signal]);
  const late = runtime.clock.sleep(timeoutMs, ended).then(() => {
    throw new Error(`not within ${formatDurationMs(timeoutMs)}`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work(ended), late]);
  } finally {
    over.abort(new Error("its time is up"));
  }
}

async function sleepUntil(atMs: number, { log, runtime, signal }: MethodDeps): Promise<void> {
  const leftMs = atMs - log.nowMs();
  if (leftMs > 0) await runtime.clock.sleep(leftMs, signal);
}
