import { inZone, zoneCacheId } from "../cache/zones.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { didYouMean } from "../config/suggest.ts";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import { openRun } from "../runs/index.ts";
import type { Runtime } from "../runtime.ts";
import { runAct, type Act, type ActDeps } from "./act.ts";
import type { Fault, Target } from "./contract.ts";
import {
  blastRadius,
  exitCodeOfStop,
  refusalOf,
  takeExperimentLock,
  watchConditions,
  watchNodes,
  type GuardSettings,
  type StopConditions,
  type StopWatch,
} from "./guard/index.ts";
import type { BlastRadius } from "./guard/result.ts";
import { faultNamed, faults } from "./index.ts";
import { reachAll } from "./reach.ts";
import { recoveryDeps, watchRecovery } from "./recovery.ts";
import type { FaultResult } from "./result.ts";
import { selectSubjects, type Selection } from "./select.ts";
import type { Subject } from "./targets/index.ts";

export interface FaultRequest extends Selection {
  cluster: ClusterConfig;
  /** A name of the registry. */
  fault: string;
  /** The fault's own, as people write them (`{delay: "300ms"}`); parsed by its schema. */
  options?: Readonly<Record<string, unknown>>;
  /** How long; undefined: until it is healed by hand, for faults that may. */
  forMs: number | undefined;
  guards?: GuardSettings;
  /** What ends it before its time, beside the loss of another node. */
  stopOn?: StopConditions;
}

export interface RunFaultDeps extends Pick<ActDeps, "runtime" | "note" | "event" | "onInjected" | "onTick" | "stop"> {
  /** Asked once the guards have nothing against it; throws where the answer is no. */
  confirm?: (plan: FaultPlan) => Promise<void>;
  /** True: the caller holds the cluster's experiment lock. */
  locked?: boolean;
  /** False: the caller looks after the other nodes, and no loss of one ends this. */
  watchOthers?: boolean;
  /** False: returns once the fault is gone, and does not wait until the cluster is whole again. */
  awaitRecovery?: boolean;
}

/** What would be done, worked out and looked at, with nothing touched. */
export interface FaultPlan {
  cluster: ClusterConfig;
  fault: Fault;
  subjects: Subject[];
  targets: Target[];
  options: unknown;
  forMs: number | undefined;
  radius: BlastRadius;
}

/**
 * Works out what a request means: the fault, its options, whom it hits by which way, and what the guards make of it
 * (`radius.refusals`). Changes nothing: what `--dry-run` prints.
 * @throws RagctlError exit 2 for what is wrong with the request, 3 where a node cannot be reached by this fault
 */
export async function planFault(request: FaultRequest, { runtime }: { runtime: Runtime }): Promise<FaultPlan> {
  const { forMs, guards } = request;
  const fault = faultNamed(request.fault);
  if (!fault)
    throw usageError([
      { path: "FAULT", message: `there is no fault "${request.fault}"${didYouMean(request.fault, Object.keys(faults))}` },
    ]);
  if (forMs === undefined && fault.reversible && !fault.mayHold)
    throw usageError([{ path: "--for", message: `say how long ${fault.name} shall last, such as 30s` }]);
  const options = parseOptions(fault, request.options ?? {});
  const subjects = selectSubjects(request.cluster, fault, request, runtime.rng);
  // Of several caches, what is done to one by its own protocol goes to that one.
  const cluster = fault.scope === "cache" ? inZone(request.cluster, zoneOf(request, subjects)) : request.cluster;
  const reached = await reachAll(cluster, subjects, fault, options);
  const impact =
    fault.scope === "cache" ? "cache" : typeof fault.impact === "function" ? fault.impact(reached.options) : fault.impact;
  const nodes = subjects.flatMap(({ id, role }) => (role === "node" ? [id] : []));
  const radius = await blastRadius({ ...guards, cluster, fault: fault.name, impact: impact ?? "silences", nodes }, { runtime });
  return { cluster, fault, subjects, ...reached, forMs, radius };
}

/** The zone whose own cache was chosen; undefined for the one of all others. */
function zoneOf({ cluster }: FaultRequest, subjects: readonly Subject[]): string | undefined {
  const own = Object.keys(cluster.cache?.zones ?? {});
  return own.find((zone) => subjects.some(({ id }) => id === zoneCacheId(zone)));
}

/**
 * One fault from a request to its proof. What the command line, experiments and the monkey call.
 * @throws RagctlError as `planFault`; exit 7 where a guard refuses; 5 where it could not be proven gone; 130 where it was
 * interrupted, healed by then
 */
export async function runFault(request: FaultRequest, deps: RunFaultDeps): Promise<FaultResult> {
  const { runtime } = deps;
  const lock = deps.locked ? undefined : takeExperimentLock(request.cluster, `chaos ${request.fault}`, runtime);
  try {
    const plan = await planFault(request, deps);
    const refusal = refusalOf(plan.radius);
    if (refusal) throw refusal;
    await deps.confirm?.(plan);
    return await watched(plan, request, deps);
  } finally {
    lock?.release();
  }
}

/** With everything that could stop it looking on, from before the first blow until it is healed. */
async function watched(plan: FaultPlan, { stopOn }: FaultRequest, deps: RunFaultDeps): Promise<FaultResult> {
  const { cluster, fault, radius, forMs } = plan;
  const { runtime } = deps;
  const lasts = fault.reversible && forMs !== undefined;
  const watches: StopWatch[] = [];
  const endAll = async () => void (await Promise.all(watches.splice(0).map((watch) => watch.end())));
  try {
    if (stopOn && lasts) watches.push(await watchConditions(stopOn, cluster, { runtime }));
    if (lasts && deps.watchOthers !== false) watches.push(watchNodes({ cluster, down: radius.down }, runtime));
    const signals = [...(deps.stop ? [deps.stop] : []), ...watches.map(({ signal }) => signal)];
    return await act(plan, { ...deps, ...(signals.length > 0 && { stop: AbortSignal.any(signals) }) }, endAll);
  } finally {
    await endAll();
  }
}

/** @param healed called once the fault is gone, before the cluster recovers */
async function act(
  { cluster, fault, subjects, targets, options, forMs }: FaultPlan,
  deps: RunFaultDeps,
  healed: () => Promise<void>,
): Promise<FaultResult> {
  const { runtime, note } = deps;
  const nodes = cluster.nodes.filter(({ id }) => subjects.some((subject) => subject.role === "node" && subject.id === id));
  const input: Act<unknown> = { fault, cluster: cluster.name, config: cluster, targets, options, forMs };
  const more: ActDeps =
    deps.awaitRecovery === false || nodes.length === 0
      ? deps
      : {
          ...deps,
          recovery: async (injectedUs, signal) => {
            await healed();
            return await watchRecovery({ cluster, nodes, injectedUs }, recoveryDeps(cluster, runtime, note), signal);
          },
        };
  // Whoever brings a timeline of its own has a run, too.
  return deps.event ? await runAct(input, more) : await asRun(input, more);
}

/** The act as a run, with its events on a timeline beside those of load and moves. */
async function asRun(input: Act<unknown>, deps: ActDeps): Promise<FaultResult> {
  const run = openRun(deps.runtime, { command: `chaos ${input.fault.name}`, cluster: input.cluster });
  const event: ActDeps["event"] = (phase, detail) => run.event({ kind: "fault", name: input.fault.name, phase, detail });
  try {
    const result = await runAct(input, { ...deps, event });
    run.end({ exitCode: result.stoppedBy ? exitCodeOfStop(result.stoppedBy) : ExitCode.ok, state: "done", result });
    return result;
  } catch (error) {
    const stopped = deps.runtime.signal.aborted;
    const exitCode = error instanceof RagctlError ? error.exitCode : stopped ? ExitCode.interrupted : ExitCode.bug;
    run.end({ exitCode, state: stopped ? "interrupted" : "failed" });
    throw error;
  }
}

/** @throws RagctlError exit 2 with every problem, by the names of the flags */
function parseOptions(fault: Fault, input: Readonly<Record<string, unknown>>): unknown {
  const parsed = fault.options.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({
    path:
      path.length > 0
        ? `--${path
            .map(String)
            .join(".")
            .replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
        : fault.name,
    message,
  }));
  throw usageError(problems, { hint: `ragctl chaos ${fault.name} --help` });
}
