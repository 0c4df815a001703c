import type { ClusterConfig } from "../../config/schema.ts";
import { ExitCode, RagctlError, usageError } from "../../errors.ts";
import { parseMaxBlast, parseStopConditions, refusalOf, watchConditions, type StopConditions } from "../../faults/guard/index.ts";
import { faultNamed } from "../../faults/index.ts";
import { planFault, runFault, type FaultRequest } from "../../faults/run-fault.ts";
import type { Run } from "../../runs/contract.ts";
import type { Runtime } from "../../runtime.ts";
import type { MonkeyAct, MonkeyResult } from "./result.ts";
import { plannedActs, type MonkeySchedule, type PlannedAct } from "./schedule.ts";
import type { MonkeyProfile } from "./schema.ts";

export interface MonkeyInput {
  cluster: ClusterConfig;
  /** Its name, for the report. */
  name: string;
  profile: MonkeyProfile;
  /** How long it goes on, or how far a leashed one looks; undefined: until it is stopped. */
  horizonMs: number | undefined;
  leashed: boolean;
  allowDegraded: boolean;
}

export interface MonkeyDeps {
  runtime: Runtime;
  note: (text: string) => void;
  event: Run["event"];
  /** Replaced in tests. */
  runFault?: typeof runFault;
  planFault?: typeof planFault;
  watchConditions?: typeof watchConditions;
}

/** It looks no further ahead at once, so that a clock that is set, or a laptop that slept, is noticed. */
const aheadMs = 3_600_000;
/** Late by more than this (a laptop that slept): what was planned is left out. */
const lateMaxMs = 60_000;

/** A monkey at work, or on its leash. */
export async function runMonkey(input: MonkeyInput, deps: MonkeyDeps): Promise<MonkeyResult> {
  const { runtime } = deps;
  const monkey = new Monkey(input, deps);
  const from = runtime.clock.nowMs();
  const stoppedBy = input.leashed ? await monkey.imagine(from) : await monkey.roam(from);
  const { acts } = monkey;
  const counts: Record<string, number> = {};
  for (const { outcome } of acts) counts[outcome] = (counts[outcome] ?? 0) + 1;
  const { cluster, name, profile, leashed, horizonMs } = input;
  return {
    cluster: cluster.name,
    profile: name,
    seed: profile.seed,
    timeZone: profile.timeZone,
    leashed,
    from,
    to: leashed ? from + (horizonMs ?? 0) : runtime.clock.nowMs(),
    acts,
    counts,
    stoppedBy,
  };
}

/** 0; 4 where an objective or a command stopped it, 7 where the loss of a node did; 5 where something is not proven gone. */
export function exitCodeOfMonkey({ acts, stoppedBy }: MonkeyResult): 0 | 4 | 5 | 7 {
  if (acts.some(({ outcome }) => outcome === "unhealed")) return ExitCode.unhealed;
  if (!stoppedBy) return ExitCode.ok;
  return stoppedBy.kind === "guard" ? ExitCode.refused : ExitCode.failed;
}

class Monkey {
  readonly acts: MonkeyAct[] = [];
  readonly #input: MonkeyInput;
  readonly #deps: MonkeyDeps;
  readonly #names: string[];
  readonly #schedule: MonkeySchedule;
  readonly #stopOn: StopConditions | undefined;
  /** What shall stop a fault held before one began. */
  #unsteady: MonkeyResult["stoppedBy"] = null;

  constructor(input: MonkeyInput, deps: MonkeyDeps) {
    const { profile } = input;
    this.#input = input;
    this.#deps = deps;
    this.#names = Object.keys(profile.faults).toSorted();
    this.#schedule = {
      ...profile,
      faults: this.#names.map((name) => ({ name, weight: profile.faults[name]!.weight, forMs: profile.faults[name]!.for })),
    };
    this.#stopOn = conditionsOf(input);
    refuseUnknownNodes(input);
  }

  /** On the leash: everything it would do in the time ahead, held against the cluster as it is now. */
  async imagine(fromMs: number): Promise<null> {
    for (const planned of plannedActs(this.#schedule, fromMs, fromMs + (this.#input.horizonMs ?? 0))) {
      this.#deps.runtime.signal.throwIfAborted();
      const request = this.#requestOf(planned);
      await this.#turn(planned, request, async () => {
        const { radius } = await (this.#deps.planFault ?? planFault)(request!, this.#deps);
        const refusal = refusalOf(radius);
        if (refusal) throw refusal;
        return { outcome: "would" };
      });
    }
    return null;
  }

  /** Off the leash: acts when it is time, until the horizon, an interruption, or a stop condition. */
  async roam(fromMs: number): Promise<MonkeyResult["stoppedBy"]> {
    const { clock, signal } = this.#deps.runtime;
    await this.#proveSteady();
    const endMs = fromMs + (this.#input.horizonMs ?? Number.POSITIVE_INFINITY);
    let seenMs = fromMs;
    while (!signal.aborted && clock.nowMs() < endMs) {
      const untilMs = Math.min(endMs, clock.nowMs() + aheadMs);
      const [next] = plannedActs(this.#schedule, seenMs, untilMs);
      const wakeMs = next?.atMs ?? untilMs;
      try {
        await clock.sleep(Math.max(0, wakeMs - clock.nowMs()), signal);
      } catch {
        return null;
      }
      if (!next) {
        seenMs = wakeMs;
        continue;
      }
      seenMs = next.atMs + 1;
      if (clock.nowMs() - next.atMs > lateMaxMs) continue;
      const stoppedBy = await this.#act(next);
      if (stoppedBy) return stoppedBy;
      if (this.acts.at(-1)?.outcome === "unhealed") return null;
    }
    return null;
  }

  /** Once, before the first turn: a profile whose conditions cannot be measured, or hold already, is told at once. */
  async #proveSteady(): Promise<void> {
    if (!this.#stopOn) return;
    const { runtime } = this.#deps;
    const watch = await (this.#deps.watchConditions ?? watchConditions)(this.#stopOn, this.#input.cluster, { runtime });
    await watch.end();
  }

  /** @returns why the monkey stops itself */
  async #act(planned: PlannedAct): Promise<MonkeyResult["stoppedBy"]> {
    const { runtime, note, event } = this.#deps;
    const request = this.#requestOf(planned);
    let stoppedBy: MonkeyResult["stoppedBy"] = null;
    await this.#turn(planned, request, async () => {
      const name = request!.fault;
      const result = await (this.#deps.runFault ?? runFault)(request!, {
        runtime,
        note,
        event: (phase, detail) => event({ kind: "fault", name, phase, detail }),
        awaitRecovery: true,
      });
      ({ stoppedBy } = result);
      const { id, healedAt } = result;
      return { outcome: stoppedBy ? "stopped" : "done", id, healedAt, reason: stoppedBy?.reason ?? null };
    });
    // Broken with nothing injected by us: whoever else breaks it, the monkey stays out of it.
    return stoppedBy ?? this.#unsteady;
  }

  /** One turn, whatever comes of it, as an act on the record. */
  async #turn(
    { atMs, fault, forMs }: PlannedAct,
    request: FaultRequest | undefined,
    work: () => Promise<Partial<MonkeyAct> & Pick<MonkeyAct, "outcome">>,
  ): Promise<void> {
    const act: MonkeyAct = {
      at: atMs,
      fault: this.#names[fault]!,
      targets: targetsOf(request),
      forMs,
      outcome: "impossible",
      reason: "there is nothing that it may touch",
      id: null,
      healedAt: null,
    };
    if (request)
      try {
        Object.assign(act, { reason: null }, await work());
      } catch (error) {
        if (error instanceof RagctlError && error.code === "stop-condition-holds")
          this.#unsteady = { kind: "objective", reason: error.message };
        Object.assign(act, outcomeOf(error, this.#deps.runtime.signal.aborted));
      }
    this.acts.push(act);
    this.#deps.event({ kind: "monkey", name: act.fault, phase: "end", detail: act });
  }

  #requestOf({ fault, forMs, pick }: PlannedAct): FaultRequest | undefined {
    const { cluster, profile, allowDegraded } = this.#input;
    const name = this.#names[fault]!;
    const { scope = "node" } = faultNamed(name)!;
    const eligible = cluster.nodes.filter(({ id }) => (profile.nodes?.includes(id) ?? true) && !profile.spare.includes(id));
    const base = {
      cluster,
      fault: name,
      options: profile.faults[name]!.with,
      forMs,
      guards: { ...(profile.maxBlast !== undefined && { maxBlast: parseMaxBlast(profile.maxBlast) }), allowDegraded },
      ...(this.#stopOn && { stopOn: this.#stopOn }),
    };
    if (scope === "cache") return cluster.cache ? base : undefined;
    if (scope === "node") {
      const chosen = eligible[Math.floor(pick * eligible.length)];
      return chosen && { ...base, nodes: [chosen.id] };
    }
    // A zone of which all may be touched.
    const zones = [...new Set(eligible.flatMap(({ zone: of }) => of ?? []))].filter((zone) =>
      cluster.nodes.every((node) => node.zone !== zone || eligible.includes(node)),
    );
    const zone = zones[Math.floor(pick * zones.length)];
    return zone === undefined ? undefined : { ...base, zone };
  }
}

function outcomeOf(error: unknown, interrupted: boolean): Pick<MonkeyAct, "outcome" | "reason"> {
  if (!(error instanceof RagctlError)) {
    if (interrupted) return { outcome: "interrupted", reason: (error as Error).message };
    throw error;
  }
  const { exitCode, message: reason } = error;
  if (exitCode === ExitCode.unhealed) return { outcome: "unhealed", reason };
  if (exitCode === ExitCode.interrupted || exitCode === ExitCode.terminated) return { outcome: "interrupted", reason };
  return { outcome: exitCode === ExitCode.refused ? "refused" : "impossible", reason };
}

function conditionsOf({ cluster, profile }: MonkeyInput): StopConditions | undefined {
  const { p50, p95, p99, errorRate } = cluster.objectives;
  const promised = [p50, p95, p99, errorRate].some((each) => each !== undefined);
  const stopIf = profile.stopIf ?? (promised ? ["objectives"] : []);
  if (stopIf.length === 0 && profile.stopCommand === undefined) return undefined;
  return parseStopConditions({ stopIf, stopCommand: profile.stopCommand }, cluster.objectives, "stopIf");
}

function refuseUnknownNodes({ cluster, profile }: MonkeyInput): void {
  const ids = cluster.nodes.map(({ id }) => id);
  const unknown = [...(profile.nodes ?? []), ...profile.spare].filter((id) => !ids.includes(id));
  if (unknown.length === 0) return;
  throw usageError(
    unknown.map((id) => ({ path: "nodes", message: `cluster ${cluster.name} has no node "${id}"` })),
    { code: "node-unknown", hint: `it has ${ids.join(", ")}` },
  );
}

function targetsOf(request: FaultRequest | undefined): string[] {
  if (!request) return [];
  if (request.nodes) return [...request.nodes];
  if (request.zone === undefined) return ["cache"];
  return request.cluster.nodes.filter(({ zone }) => zone === request.zone).map(({ id }) => id);
}
