import { expect, test } from "vitest";
import { loadHashes } from "../../../src/sharding/index.ts";
import type { StateStore } from "../../../src/state/index.ts";
import { changeSchedule, type ChangeOutcome } from "./change-simulation.ts";

/** `RAGCTL_SIM_SEED=42 RAGCTL_SIM_COUNT=1` runs one schedule again. */
const first = Number(process.env["RAGCTL_SIM_SEED"] ?? 1);
const count = Number(process.env["RAGCTL_SIM_COUNT"] ?? 40);

test(
  `a layout is built beside the one that serves, and switched to, through crashes, late messages and repairs without losing an acknowledged write: seeds ${first} to ${first + count - 1}`,
  { timeout: 600_000 },
  async () => {
    await loadHashes();
    const outcomes: ChangeOutcome[] = [];
    for (let seed = first; seed < first + count; seed++) outcomes.push(await changeSchedule(seed, { beside: true }));
    const wrong = outcomes.filter(({ problems }) => problems.length > 0);
    expect(
      wrong.map(
        ({ seed, change, reversed, problems }) => `seed ${seed} (${change}${reversed ? ", reversed" : ""}): ${problems[0]}`,
      ),
    ).toEqual([]);
    if (count < 40) return;
    const mean = (of: (outcome: ChangeOutcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0) / count;
    expect(mean(({ acknowledged }) => acknowledged)).toBeGreaterThan(60);
    expect(mean(({ searches }) => searches)).toBeGreaterThan(15);
    expect(mean(({ crashes }) => crashes)).toBeGreaterThan(0.3);
    expect(mean(({ repaired }) => repaired)).toBeGreaterThan(0.3);
    // Given up while it was built, and taken back once it served.
    const ways = new Set(outcomes.map(({ reversedAt }) => reversedAt));
    expect([ways.has("building"), ways.has("left")]).toEqual([true, true]);
  },
);

test.each([
  ["a node is away when the layout before is dropped", { absent: true }],
  ["a writer loses its lease now and then", { cutOff: true }],
  ["another plan goes back at once, in either way", { again: true }],
] as const)("nothing is lost where %s", { timeout: 600_000 }, async (_, way) => {
  await loadHashes();
  const outcomes: ChangeOutcome[] = [];
  for (let seed = first; seed < first + Math.ceil(count / 4); seed++)
    outcomes.push(await changeSchedule(seed, { beside: true, ...way }));
  const wrong = outcomes.filter(({ problems }) => problems.length > 0);
  expect(wrong.map(({ seed, change, problems }) => `seed ${seed} (${change}): ${problems[0]}`)).toEqual([]);
});

/** The mover switches while some client may still be writing as before. */
const unconfirmed = (state: StateStore): StateStore => ({ ...state, leases: () => Promise.resolve([]) });

/** It compares, and knows nothing of what was touched since. */
const logUnread = (state: StateStore): StateStore => ({ ...state, readTouched: () => Promise.resolve([]) });

test.each([
  ["the wait for every client", unconfirmed],
  ["the log of touched keys", logUnread],
] as const)("leaving out %s loses something", { timeout: 300_000 }, async (_, tamper) => {
  await loadHashes();
  // Writers that rest: where keys are written all the while, the comparison in the pause finds them, and nothing is ever switched.
  const sabotage = { calm: true, beside: true, onceKeys: 80, onceAtATime: 6, restMs: 400, weather: { usualDelayMs: 10 } };
  const lost: string[] = [];
  for (let seed = 1; lost.length === 0 && seed <= 40; seed++) {
    expect((await changeSchedule(seed, sabotage)).problems).toEqual([]);
    const { problems } = await changeSchedule(seed, { ...sabotage, tamper });
    lost.push(...problems.filter((problem) => problem.startsWith("LOST")));
  }
  expect(lost.length).toBeGreaterThan(0);
});
