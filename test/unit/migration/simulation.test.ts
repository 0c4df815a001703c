import { expect, test } from "vitest";
import { loadHashes } from "../../../src/sharding/index.ts";
import { schedule, type Outcome } from "./simulation.ts";

/** `RAGCTL_SIM_SEED=42 RAGCTL_SIM_COUNT=1` runs one schedule again. */
const first = Number(process.env["RAGCTL_SIM_SEED"] ?? 1);
const count = Number(process.env["RAGCTL_SIM_COUNT"] ?? 500);

test(
  `plans are applied through crashes, late messages and repairs without losing an acknowledged write: seeds ${first} to ${first + count - 1}`,
  { timeout: 300_000 },
  async () => {
    await loadHashes();
    const outcomes: Outcome[] = [];
    for (let seed = first; seed < first + count; seed++) outcomes.push(await schedule(seed));
    const wrong = outcomes.filter(({ problems }) => problems.length > 0);
    expect(wrong.map(({ seed, problems }) => `seed ${seed}: ${problems[0]}`)).toEqual([]);
    if (count < 300) return;
    // The schedules must reach what they are for: a simulation in which nothing ever goes wrong shows nothing.
    const mean = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0) / count;
    expect(mean(({ acknowledged }) => acknowledged)).toBeGreaterThan(60);
    expect(mean(({ refused }) => refused)).toBeGreaterThan(3);
    expect(mean(({ searches }) => searches)).toBeGreaterThan(15);
    expect(mean(({ incomplete }) => incomplete)).toBeGreaterThan(0.5);
    expect(mean(({ crashes }) => crashes)).toBeGreaterThan(0.3);
    expect(mean(({ repaired }) => repaired)).toBeGreaterThan(0.5);
    expect(mean(({ lostPauses }) => lostPauses)).toBeGreaterThan(0.1);
  },
);
