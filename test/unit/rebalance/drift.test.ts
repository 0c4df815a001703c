import { expect, test } from "vitest";
import { defaultLimits, judgeDrift } from "../../../src/rebalance/drift/verdict.ts";

const side = {
  inertiaPerPoint: 1,
  sizeMaxOverMean: 1.2,
  recall: 0.96,
  probes: 3,
  probesForTarget: 3,
  work: 0.2,
  heatMaxOverMean: 1.3,
};
const sure = { atProbes: 0.965, atRefits: 0.94 };
const judge = (refit: Partial<typeof side>, now: Partial<typeof side> = {}, sampleError = 0.01, doubt = sure) =>
  judgeDrift({ now: { ...side, ...now }, refit: { ...side, ...refit }, sampleError, target: 0.95 }, doubt, defaultLimits);

test.each([
  ["nothing gained", {}, {}, false],
  ["more than a tenth of the inertia", { inertiaPerPoint: 0.89 }, {}, true],
  ["a little less", { inertiaPerPoint: 0.91 }, {}, false],
  ["a point of recall", { recall: 0.97 }, {}, true],
  ["half a point", { recall: 0.965 }, {}, false],
  ["a tenth of the work", { work: 0.17, probesForTarget: 2 }, {}, true],
  ["worse in everything", { inertiaPerPoint: 1.5, recall: 0.9, work: 0.4 }, {}, false],
  ["uneven, and a refit evens it out", { sizeMaxOverMean: 1.4 }, { sizeMaxOverMean: 2 }, true],
  ["uneven, and a refit is no better", { sizeMaxOverMean: 1.9 }, { sizeMaxOverMean: 2 }, false],
  ["even enough already", { sizeMaxOverMean: 1 }, { sizeMaxOverMean: 1.45 }, false],
])("%s", (_, refit, now, pays) => {
  const { refitPays, reasons } = judge(refit, now);
  expect(refitPays).toBe(pays);
  expect(reasons.length).toBeGreaterThan(0);
});

test("what a sample cannot tell from chance is no reason", () => {
  expect(judge({ inertiaPerPoint: 0.88 }, {}, 0.1).refitPays).toBe(false);
  expect(judge({ inertiaPerPoint: 0.88 }, {}, 0.05).refitPays).toBe(true);
});

test("what few queries cannot tell from chance is none either", () => {
  expect(judge({ recall: 0.975 }, {}, 0.01, { ...sure, atProbes: 0.98 }).refitPays).toBe(false);
  expect(judge({ work: 0.1, probesForTarget: 2 }, {}, 0.01, { ...sure, atRefits: 0.955 }).refitPays).toBe(false);
});
