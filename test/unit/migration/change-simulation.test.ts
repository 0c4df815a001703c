import { expect, test } from "vitest";
import { loadHashes } from "../../../src/sharding/index.ts";
import { changeSchedule, type ChangeOutcome } from "./change-simulation.ts";

/** `RAGCTL_SIM_SEED=42 RAGCTL_SIM_COUNT=1` runs one schedule again. */
const first = Number(process.env["RAGCTL_SIM_SEED"] ?? 1);
const count = Number(process.env["RAGCTL_SIM_COUNT"] ?? 200);

test(
  `a partitioner is changed through crashes, late messages and repairs without losing an acknowledged write: seeds ${first} to ${first + count - 1}`,
  { timeout: 600_000 },
  async () => {
    await loadHashes();
    const outcomes: ChangeOutcome[] = [];
    for (let seed = first; seed < first + count; seed++) outcomes.push(await changeSchedule(seed));
    const wrong = outcomes.filter(({ problems }) => problems.length > 0);
    expect(
      wrong.map(
        ({ seed, change, reversed, problems }) => `seed ${seed} (${change}${reversed ? ", reversed" : ""}): ${problems[0]}`,
      ),
    ).toEqual([]);
    if (count < 100) return;
    const mean = (of: (outcome: ChangeOutcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0) / count;
    expect(mean(({ acknowledged }) => acknowledged)).toBeGreaterThan(60);
    expect(mean(({ searches }) => searches)).toBeGreaterThan(15);
    expect(mean(({ crashes }) => crashes)).toBeGreaterThan(0.3);
    expect(mean(({ repaired }) => repaired)).toBeGreaterThan(0.3);
    expect(mean(({ reversed }) => Number(reversed))).toBeGreaterThan(0.05);
  },
);
