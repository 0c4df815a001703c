import { formatCount, formatDurationUs, formatPercent, formatRate } from "../units.ts";
import type { LoadSpec, ScenarioSpec } from "./contract.ts";
import type { LoadResult } from "./result.ts";

/** What one operation costs this machine, and what a load would take of it. */
export interface GeneratorCheck {
  /** Processor time of a sending thread per operation, µs: measured by a short closed run of a few users. */
  cpuPerOperationUs: number;
  /** Operations a second that the load reaches at most. */
  wantedPerSec: number;
  /** Threads that may send here: one core is left to pacers and counting, and to the target where it shares the machine. */
  cores: number;
  /** Of each core so much may be used before answers wait for the generator. */
  usableShare: number;
  perMachinePerSec: number;
  machines: number;
}

const usableShare = 0.7;
const probeUsers = 8;
const probeMs = 2000;

/** The same scenarios as short closed runs of a few users: what is measured is their cost, not the target's limit. */
export function probeSpec(spec: LoadSpec): LoadSpec {
  const probe = (scenario: ScenarioSpec): ScenarioSpec => ({
    ...scenario,
    workers: 1,
    executor: {
      kind: "constant-vus",
      vus: probeUsers,
      warmupUs: 500_000,
      durationUs: probeMs * 1000,
      thinkUs: 0,
      counter: new SharedArrayBuffer(8),
    },
  });
  return { ...spec, scenarios: spec.scenarios.map(probe), thresholds: [] };
}

/**
 * The arithmetic: machines = ⌈wanted ÷ (cores × usable share × 1 s ÷ processor time per operation)⌉.
 * @returns undefined where the platform does not tell a thread's processor time, or nothing was answered
 */
export function checkGenerator(probe: LoadResult, wantedPerSec: number): GeneratorCheck | undefined {
  const { workers, cores: all, colocated } = probe.generator;
  const cpu = workers.reduce((sum, worker) => sum + (worker.cpu ?? Number.NaN), 0);
  const seconds = (probe.elapsedMs + probe.spec.warmupMs) / 1000;
  // The workers' processor time includes the warm-up, whose operations are in no count: at the same pace.
  const operations = probe.counts.completed * (seconds / (probe.elapsedMs / 1000));
  if (!Number.isFinite(cpu) || operations === 0) return undefined;
  const cpuPerOperationUs = (cpu * seconds * 1e6) / operations;
  const cores = Math.max(1, all - (colocated ? 2 : 1));
  const perMachinePerSec = (cores * usableShare * 1e6) / cpuPerOperationUs;
  return {
    cpuPerOperationUs: Number(cpuPerOperationUs.toPrecision(4)),
    wantedPerSec,
    cores,
    usableShare,
    perMachinePerSec: Number(perMachinePerSec.toPrecision(4)),
    machines: Math.ceil(wantedPerSec / perMachinePerSec),
  };
}

/** The arithmetic in a sentence. */
export function explainCheck({ cpuPerOperationUs, wantedPerSec, cores, perMachinePerSec, machines }: GeneratorCheck): string {
  return `${formatRate(wantedPerSec)} needs ${formatCount(machines)} machines like this one: an operation costs ${formatDurationUs(cpuPerOperationUs)} of processor time, so that ${cores} sending ${cores === 1 ? "core" : "cores"} at ${formatPercent(usableShare)} make ${formatRate(perMachinePerSec)}; the load was not started`;
}
