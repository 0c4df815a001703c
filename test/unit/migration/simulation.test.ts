import { expect, test } from "vitest";
import { loadHashes } from "../../../src/sharding/index.ts";
import { schedule, type Outcome } from "./simulation.ts";

/** `RAGCTL_SIM_SEED=42 RAGCTL_SIM_COUNT=1` runs one schedule again. */
const first = Number(process.env["RAGCTL_SIM_SEED"] ?? 1);
const count = Number(process.env["RAGCTL_SIM_COUNT"] ?? 1000);

test(
  `plans are applied through crashes, late messages and repairs without losing an acknowledged write: seeds ${first} to ${first + count - 1}`,
  { timeout: 300_000 },
  async () => {
    await loadHashes();
    const outcomes: Outcome[] = [];
    for (let seed = first; seed < first + count; seed++) outcomes.push(await schedule(seed));
    const wrong = outcomes.filter(({ problems }) => problems.length > 0);
    if (wrong.length > 0)
      console.log(
        wrong
          .slice(0, 12)
          .map(({ seed, problems }) => `seed ${seed}: ${problems.slice(0, 2).join(" | ")}`)
          .join("\n"),
      );
    expect(wrong.map(({ seed }) => seed)).toEqual([]);
    const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0) / count;
    if (count < 300) return;
    console.log({
      acked: sum((o) => o.acknowledged),
      refused: sum((o) => o.refused),
      searches: sum((o) => o.searches),
      incomplete: sum((o) => o.incomplete),
      crashes: sum((o) => o.crashes),
      repaired: sum((o) => o.repaired),
      lost: sum((o) => o.lostPauses),
    });
  },
);
