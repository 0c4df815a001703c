import { expect, test } from "vitest";
import { compareRuns } from "../../../../src/load/compare/index.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { autoregressive, bursty, lognormal, type Service, simulateQueue } from "../../../helpers/sim-queue.ts";

const seed = Number(process.env["RAGCTL_TEST_SEED"] ?? 20_260);

interface Scenario {
  name: string;
  service: Service;
  utilisation: number;
  samples: number;
  windowMs?: number;
  arrivals?: "poisson" | "constant";
}
const lognormalQueue = lognormal(0.25);
const correlated = autoregressive(0.25, 0.7);
const bursts = bursty(0.2, { share: 0.03, length: 20, factor: 3 });
const scenarios: Scenario[] = [
  { name: "lognormal service", service: lognormalQueue, utilisation: 0.3, samples: 2000 },
  { name: "wider lognormal service", service: lognormal(0.4), utilisation: 0.3, samples: 2000 },
  { name: "constant arrivals", service: lognormal(0.4), utilisation: 0.5, samples: 2000, arrivals: "constant" },
  { name: "windows of half a second", service: lognormalQueue, utilisation: 0.5, samples: 2000, windowMs: 500 },
  { name: "ten windows", service: lognormalQueue, utilisation: 0.4, samples: 2000, windowMs: 2000 },
  { name: "correlated service", service: correlated, utilisation: 0.3, samples: 2000 },
  { name: "correlated service, constant arrivals", service: correlated, utilisation: 0.5, samples: 2000, arrivals: "constant" },
  { name: "correlated service, more samples", service: correlated, utilisation: 0.6, samples: 6000 },
  { name: "bursts", service: bursts, utilisation: 0.3, samples: 2000 },
  { name: "bursts, more samples", service: bursts, utilisation: 0.5, samples: 6000 },
];
const ratePerSec = 100;

function runOf(scenario: Scenario, slowdown: number, rng: () => number, name: string) {
  const { utilisation, ...rest } = scenario;
  const run = simulateQueue({ ...rest, ratePerSec, meanMs: (utilisation / ratePerSec) * 1000 * slowdown, rng });
  return { ...run, name, targetPerSec: ratePerSec, conditions: { dataset: "simulated" } };
}

/** Verdicts of `pairs` comparisons of a server with one `slowdown` times as slow, each pair with random numbers of its own. */
function verdicts(scenario: Scenario, slowdown: number, pairs: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let pair = 0; pair < pairs; pair++) {
    const rng = seededRng(seed + pair * 7919 + scenario.name.length * 104_729);
    const result = compareRuns(runOf(scenario, 1, rng, "a"), runOf(scenario, slowdown, rng, "b"), { seed: pair });
    counts[result.verdict] = (counts[result.verdict] ?? 0) + 1;
  }
  return counts;
}

test.each(scenarios)(`$name, $samples requests at utilisation $utilisation (seed ${seed})`, (scenario) => {
  const pairs = scenario.samples > 2000 ? 15 : 30;
  const same = verdicts(scenario, 1, pairs);
  const slower = verdicts(scenario, 1.1, pairs);
  const faster = verdicts(scenario, 1 / 1.1, 10);
  // The pooled test below holds the rate to 95 in 100; one scenario's small count may stray a little.
  expect(same["no difference"]).toBeGreaterThanOrEqual(Math.floor(0.9 * pairs));
  expect(slower["worse"]).toBeGreaterThanOrEqual(Math.ceil(0.95 * pairs));
  expect(slower["better"] ?? 0).toBe(0);
  expect(faster["better"]).toBeGreaterThanOrEqual(9);
  total.pairs += pairs;
  total.noDifference += same["no difference"] ?? 0;
  console.info(`${scenario.name}: same → ${JSON.stringify(same)}; 10 % slower → ${JSON.stringify(slower)} (seed ${seed})`);
});

const total = { pairs: 0, noDifference: 0 };
test("two runs of the same thing are no different at least 95 times in 100", () => {
  expect(total.pairs).toBeGreaterThan(220);
  expect(total.noDifference / total.pairs).toBeGreaterThanOrEqual(0.95);
});
