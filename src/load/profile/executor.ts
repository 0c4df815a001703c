import type { ExecutorSpec } from "../contract.ts";
import { lengthMs } from "./scale.ts";
import type { ScenarioProfile } from "./schema.ts";

/**
 * What a scenario of a profile says, as the engine runs it.
 * @param offsets of a replay: its log's times
 */
export function executorOf(
  scenario: ScenarioProfile,
  { warmupMs, seed, offsets }: { warmupMs: number; seed: number; offsets: SharedArrayBuffer | undefined },
): ExecutorSpec {
  const startUs = scenario.startTime * 1000;
  const times = { startUs, warmupUs: warmupMs * 1000, durationUs: (lengthMs(scenario) ?? 0) * 1000 };
  const stagesUs = <S extends { duration: number }>(stages: readonly S[]) =>
    stages.map(({ duration, ...rest }) => ({ durationUs: duration * 1000, ...rest }));
  const closed = () => ({
    ...times,
    thinkUs: "thinkTime" in scenario ? scenario.thinkTime * 1000 : 0,
    counter: new SharedArrayBuffer(8),
  });
  switch (scenario.executor) {
    case "constant-arrival-rate":
      return { kind: "constant-arrival-rate", ratePerSec: scenario.rate, ...times };
    case "poisson":
      return { kind: "poisson", ratePerSec: scenario.rate, seed, ...times };
    case "ramping-arrival-rate":
      return {
        kind: "ramping-arrival-rate",
        startRatePerSec: scenario.startRate,
        stages: stagesUs(scenario.stages).map(({ durationUs, target }) => ({ durationUs, targetPerSec: target })),
        ...times,
      };
    case "replay": {
      const log = new Float64Array(offsets!);
      return { kind: "replay", offsets: offsets!, speed: scenario.speed, ...times, durationUs: Math.max(1, log.at(-1)! + 1) };
    }
    case "constant-vus":
      return { kind: "constant-vus", vus: scenario.vus, ...closed() };
    case "ramping-vus":
      return { kind: "ramping-vus", startVus: scenario.startVUs, stages: stagesUs(scenario.stages), ...closed() };
    case "per-vu-iterations":
    case "shared-iterations":
      return { kind: scenario.executor, vus: scenario.vus, iterations: scenario.iterations, ...closed() };
  }
}
