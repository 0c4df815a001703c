import { expect, test } from "vitest";
import { rowChoice, sequential } from "../../../src/datasets/choice.ts";
import { seededRng } from "../../../src/runtime.ts";

const seed = 11;
const draws = 200_000;

/** χ² of observed counts against expected probabilities, rows that are expected less than 20 times pooled at the end. */
function chiSquare(counts: readonly number[], probabilities: readonly number[]): { statistic: number; degrees: number } {
  let statistic = 0;
  let cells = 0;
  let [pooled, pooledExpected] = [0, 0];
  probabilities.forEach((probability, row) => {
    const expected = probability * draws;
    if (expected < 20) {
      pooled += counts[row]!;
      pooledExpected += expected;
      return;
    }
    statistic += (counts[row]! - expected) ** 2 / expected;
    cells++;
  });
  if (pooledExpected >= 20) {
    statistic += (pooled - pooledExpected) ** 2 / pooledExpected;
    cells++;
  }
  return { statistic, degrees: cells - 1 };
}

function countsOf(choice: () => number, rows: number): number[] {
  const counts = Array.from({ length: rows }, () => 0);
  for (let i = 0; i < draws; i++) counts[choice()]!++;
  return counts;
}

test.each([
  [1000, 0.5],
  [1000, 0.99],
  [1000, 1],
  [1000, 1.2],
  [50_000, 1],
  [7, 2.5],
  [2, 1],
])(`zipf over %d rows with exponent %d has the frequencies of the law (seed ${seed})`, (rows, exponent) => {
  const weights = Array.from({ length: rows }, (_, row) => (row + 1) ** -exponent);
  const total = weights.reduce((sum, weight) => sum + weight);
  const counts = countsOf(rowChoice({ kind: "zipf", exponent }, rows, seededRng(seed)), rows);
  const { statistic, degrees } = chiSquare(
    counts,
    weights.map((weight) => weight / total),
  );
  // Four standard deviations above the mean of χ².
  expect(statistic).toBeLessThan(degrees + 4 * Math.sqrt(2 * degrees));
  expect(counts.reduce((sum, count) => sum + count)).toBe(draws);
});

test("uniform", () => {
  const rows = 500;
  const { statistic, degrees } = chiSquare(
    countsOf(rowChoice({ kind: "uniform" }, rows, seededRng(seed)), rows),
    Array(rows).fill(1 / rows),
  );
  expect(statistic).toBeLessThan(degrees + 4 * Math.sqrt(2 * degrees));
});

test("sequential goes round", () => {
  const next = sequential(3);
  expect([next(), next(), next(), next()]).toEqual([0, 1, 2, 0]);
  expect(sequential(3, 5)()).toBe(2);
});

test("the same seed gives the same rows", () => {
  const take = (seed: number) => {
    const choice = rowChoice({ kind: "zipf", exponent: 1.1 }, 100, seededRng(seed));
    return Array.from({ length: 50 }, choice);
  };
  expect(take(3)).toEqual(take(3));
  expect(take(3)).not.toEqual(take(4));
});

test("one row is always that row", () => {
  for (const kind of ["uniform", "zipf"] as const) {
    const choice = rowChoice(kind === "zipf" ? { kind, exponent: 1 } : { kind }, 1, seededRng(1));
    expect([choice(), choice(), choice()]).toEqual([0, 0, 0]);
  }
});
