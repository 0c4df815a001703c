import { expect, test } from "vitest";
import { AutoModel } from "../../../../src/cache/sizing/auto-model.ts";
import { exactEstimator, shardsEstimator, type Estimator } from "../../../../src/cache/sizing/estimate.ts";
import { ShardsModel, standardError } from "../../../../src/cache/sizing/shards.ts";
import { ExactModel } from "../../../../src/cache/sizing/stack-model.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { feedSink, zipf } from "../../../helpers/traces.ts";

const references = 300_000;
const draw = zipf(60_000, 0.9, seededRng(5));
const trace = Int32Array.from({ length: references }, draw);
const exact = new ExactModel({ weighted: false });
feedSink(exact, trace);
const truth = exactEstimator(exact.model, references);
const distinct = exact.model.keys.size;
const sizes = Array.from({ length: 100 }, (_, i) => Math.round((distinct * (i + 1)) / 100));
const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

function meanError(estimate: Estimator): number {
  const errors = sizes.map((size) => Math.abs(estimate("entries", size).missRatio - truth("entries", size).missRatio));
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

function sampled(options: { rate: number; keys?: number }, seed: number): ShardsModel {
  const model = new ShardsModel({ ...options, weighted: false });
  feedSink(model, trace, { seed });
  return model;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

test("SHARDS at a fixed rate: near the exact curve, and what it states is about what it is off by", () => {
  const models = seeds.map((seed) => sampled({ rate: 0.02 }, seed));
  const errors = models.map((model) => meanError(shardsEstimator(model)));
  const stated = models.map((model) => {
    const estimate = shardsEstimator(model);
    return sizes.reduce((sum, size) => sum + estimate("entries", size).error, 0) / sizes.length;
  });
  expect(median(errors)).toBeLessThan(0.02);
  // A standard error is 1.25 times a mean absolute error where it is normal; from eight parts it is known within about a third.
  expect(median(stated) / median(errors)).toBeGreaterThan(0.6);
  expect(median(stated) / median(errors)).toBeLessThan(3.5);
  for (const model of models) {
    expect(model.references).toBe(references);
    expect(model.whole.distinct() / distinct).toBeGreaterThan(0.8);
    expect(model.whole.distinct() / distinct).toBeLessThan(1.2);
    expect(model.parts.reduce((sum, part) => sum + part.keys.size, 0)).toBe(model.whole.keys.size);
  }
});

test("SHARDS of a fixed size: as near, with no more keys than allowed, whatever the trace", () => {
  const models = seeds.map((seed) => sampled({ rate: 1, keys: 1500 }, seed));
  for (const model of models) {
    expect(model.whole.keys.size).toBeLessThanOrEqual(1500);
    expect(model.whole.keys.slots).toBeLessThanOrEqual(1501);
    expect(model.rate).toBeLessThan(0.06);
    expect(Math.abs(model.whole.distinct() / distinct - 1)).toBeLessThan(0.15);
  }
  expect(median(models.map((model) => meanError(shardsEstimator(model))))).toBeLessThan(0.02);
});

test("without the adjustment for hot keys the error would be much larger", () => {
  const raw = seeds.map((seed) => {
    const { whole } = sampled({ rate: 0.02 }, seed);
    return meanError((axis, size) => ({ missRatio: 1 - whole.hits(axis, size) / whole.sampled(), error: 0, nearHitRatio: 0 }));
  });
  const adjusted = seeds.map((seed) => meanError(shardsEstimator(sampled({ rate: 0.02 }, seed))));
  expect(median(adjusted)).toBeLessThan(median(raw));
});

test("bytes are scaled as entries are", () => {
  const model = new ShardsModel({ rate: 0.05, weighted: true });
  feedSink(model, trace, { seed: 3, bytes: () => 512 });
  const estimate = shardsEstimator(model);
  for (const size of [1000, 5000, 20_000])
    expect(estimate("bytes", size * 512).missRatio).toBeCloseTo(estimate("entries", size).missRatio, 2);
});

test("auto: exact as long as there are few references, a sample afterwards", () => {
  const small = new AutoModel({ exactReferences: references, keys: 1000, weighted: false });
  feedSink(small, trace);
  expect(small.exact?.references).toBe(references);
  expect(meanError(exactEstimator(small.exact!.model, references))).toBe(0);
  const large = new AutoModel({ exactReferences: 100_000, keys: 1000, weighted: false });
  feedSink(large, trace);
  expect(large.exact).toBeUndefined();
  expect(large.threshold).toBe(large.shards.threshold);
  expect(large.shards.references).toBe(references);
  expect(meanError(shardsEstimator(large.shards))).toBeLessThan(0.06);
});

test("the standard error of a mean", () => {
  expect(standardError([1, 2, 3, 4])).toBeCloseTo(Math.sqrt(5 / 3 / 4), 12);
  expect(standardError([7])).toBe(0);
});
