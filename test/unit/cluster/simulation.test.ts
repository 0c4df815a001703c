import { expect, test } from "vitest";
import { loadHashes } from "../../../src/sharding/index.ts";
import { schedule, type Outcome } from "./simulation.ts";

/** `RAGCTL_SIM_SEED=42 RAGCTL_SIM_COUNT=1` runs one schedule again. */
const first = Number(process.env["RAGCTL_SIM_SEED"] ?? 1);
const count = Number(process.env["RAGCTL_SIM_COUNT"] ?? 2000);

test(
  `no acknowledged write is missing from a replica that serves, and no search misses one in silence: seeds ${first} to ${first + count - 1}`,
  { timeout: 300_000 },
  async () => {
    await loadHashes();
    const outcomes: Outcome[] = [];
    for (let seed = first; seed < first + count; seed++) outcomes.push(await schedule(seed));
    const wrong = outcomes.filter(({ problems }) => problems.length > 0);
    expect(wrong.map(({ seed, problems }) => `seed ${seed}: ${problems[0]}`)).toEqual([]);
    // The schedules must reach what they are for: a simulation in which nothing ever goes wrong shows nothing.
    const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0) / count;
    if (count < 500) return;
    expect(sum(({ acknowledged }) => acknowledged)).toBeGreaterThan(30);
    expect(sum(({ refused }) => refused)).toBeGreaterThan(5);
    expect(sum(({ partial }) => partial)).toBeGreaterThan(0.3);
    expect(sum(({ stale }) => stale)).toBeGreaterThan(0.3);
    expect(sum(({ quieted }) => quieted)).toBeGreaterThan(0.1);
    for (const end of ["done", "gave up", "crashed"]) expect(sum(({ moves }) => moves[end] ?? 0)).toBeGreaterThan(0.05);
    // All that was quiet has been settled by the end.
    expect(sum(({ quiet }) => quiet)).toBe(0);
  },
);
