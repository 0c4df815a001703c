import { expect, test } from "vitest";
import { loadHashes } from "../../../src/sharding/index.ts";
import type { DataFace } from "../../../src/stores/contract.ts";
import { changeSchedule, type ChangeOutcome } from "./change-simulation.ts";

/** `RAGCTL_SIM_SEED=42 RAGCTL_SIM_COUNT=1` runs one schedule again. */
const first = Number(process.env["RAGCTL_SIM_SEED"] ?? 1);
const count = Number(process.env["RAGCTL_SIM_COUNT"] ?? 60);

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
    if (count < 60) return;
    const mean = (of: (outcome: ChangeOutcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0) / count;
    expect(mean(({ acknowledged }) => acknowledged)).toBeGreaterThan(60);
    expect(mean(({ searches }) => searches)).toBeGreaterThan(15);
    expect(mean(({ crashes }) => crashes)).toBeGreaterThan(0.3);
    expect(mean(({ repaired }) => repaired)).toBeGreaterThan(0.3);
    expect(mean(({ reversed }) => Number(reversed))).toBeGreaterThan(0.05);
  },
);

/** Every upsert of a mover replaces whatever is there. */
const unconditional = (face: DataFace): DataFace => ({
  ...face,
  prepareUpsert: (points, { wait }) => face.prepareUpsert(points, { wait }),
});

/** A backfill stamps points whether or not a writer has replaced them since they were read. */
const stampingAll = (face: DataFace): DataFace => ({
  ...face,
  prepareSetPayload(target, payload, options) {
    const { must = [] } = "filter" in target ? target.filter : {};
    return face.prepareSetPayload({ filter: { must: must.filter((condition) => !("is_empty" in condition)) } }, payload, options);
  },
});

test.each([
  ["the condition of a mover's upserts", "model to model", unconditional],
  ["the empty field as the condition of a stamp", "ring to model", stampingAll],
] as const)("leaving out %s loses something (%s)", { timeout: 300_000 }, async (_, change, tamperFace) => {
  await loadHashes();
  const problems = async (seed: number, face?: (face: DataFace) => DataFace) =>
    (await changeSchedule(seed, { calm: true, onceKeys: 40, change, ...(face && { tamperFace: face }) })).problems;
  const lost: string[] = [];
  // One seed in six loses something, or more.
  for (let seed = 1; lost.length === 0 && seed <= 80; seed++) {
    expect(await problems(seed)).toEqual([]);
    lost.push(...(await problems(seed, tamperFace)).filter((problem) => problem.startsWith("LOST")));
  }
  expect(lost.length).toBeGreaterThan(0);
});
