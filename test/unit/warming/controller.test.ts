import { describe, expect, test } from "vitest";
import { nextPace, startPace, type Observed, type PaceLimits, type PaceState } from "../../../src/warming/pace/controller.ts";
import { retryAfterMs } from "../../../src/warming/pace/backoff.ts";

const limits: PaceLimits = { startPerSec: 20, minPerSec: 5, maxPerSec: 500, guard: true };
const calm: Observed = {
  searches: 100,
  overObjective: 0,
  overComfort: 0,
  storeFailures: 0,
  cacheFailures: 0,
  stored: 100,
  evicted: 0,
};

function after(state: Partial<PaceState>, observed: Partial<Observed>): PaceState {
  return nextPace({ ...startPace(limits), rampUp: false, ratePerSec: 200, ...state }, { ...calm, ...observed }, limits);
}

describe("the rate of the next window", () => {
  test.each([
    ["ramps up while nothing objects", { rampUp: true }, {}, 230],
    ["grows by a step afterwards", {}, {}, 205],
    ["grows by a small one near the last trouble", { troublePerSec: 240 }, {}, 201],
    ["forgets it after ten calm seconds", { troublePerSec: 240, calmWindows: 40 }, {}, 205],
    ["and by a whole one far below it", { troublePerSec: 300 }, {}, 205],
    ["stays within its greatest", { ratePerSec: 498 }, {}, 500],
    ["is cut where the objective breaks", {}, { overObjective: 2 }, 100],
    ["minds one slow search in a hundred not", {}, { overObjective: 1, overComfort: 1 }, 205],
    ["minds one slow search of ten not", {}, { searches: 10, overObjective: 1, overComfort: 1 }, 205],
    ["minds two of ten", {}, { searches: 10, overObjective: 2, overComfort: 2 }, 100],
    ["minds the only ones", {}, { searches: 2, overObjective: 2, overComfort: 2 }, 100],
    ["gives way before the objective breaks", {}, { overComfort: 3 }, 175],
    ["minds two uncomfortable ones not", {}, { overComfort: 2 }, 205],
    ["is cut where the store fails", {}, { storeFailures: 20 }, 100],
    ["is cut where the cache fails", {}, { cacheFailures: 20, stored: 80 }, 100],
    ["minds a failure in twenty not", {}, { cacheFailures: 5, stored: 95 }, 205],
    ["is cut where the cache evicts", {}, { evicted: 1 }, 100],
    ["does not fall below its least", { ratePerSec: 6 }, { overObjective: 50 }, 5],
    ["holds after a cut", { holdWindows: 2 }, {}, 200],
    ["is not cut twice for one reason", { holdWindows: 6 }, { overObjective: 50 }, 200],
    ["does not grow where nothing came back", {}, { searches: 0, stored: 0 }, 200],
  ] as const)("%s", (_, state, observed, ratePerSec) => expect(after(state, observed).ratePerSec).toBeCloseTo(ratePerSec, 9));

  test.each([
    ["cache-failing", { cacheFailures: 50, storeFailures: 50, overObjective: 50, evicted: 1 }],
    ["store-failing", { storeFailures: 50, overObjective: 50, evicted: 1 }],
    ["store-latency", { overObjective: 50, evicted: 1 }],
    ["cache-evicts", { evicted: 1 }],
    [undefined, { overComfort: 50 }],
  ] as const)("who objects: %s", (objection, observed) => expect(after({}, observed).objection).toBe(objection));

  test("a cache that evicts as much as is stored, eight windows long, is full", () => {
    let state = startPace(limits);
    for (const evicted of [100, 100, 100, 10, 60, 60, 60, 60, 60, 60, 60]) {
      state = nextPace(state, { ...calm, evicted }, limits);
      expect(state.full).toBe(false);
    }
    expect(nextPace(state, { ...calm, evicted: 60 }, limits).full).toBe(true);
  });

  test("without the guard nobody is asked", () => {
    const open = { ...limits, guard: false };
    const state = startPace(open);
    expect(state.ratePerSec).toBe(500);
    expect(nextPace(state, { ...calm, overObjective: 100, evicted: 100 }, open)).toMatchObject({ ratePerSec: 500, full: false });
  });

  test("after a failure it ramps up as at the start; after a slow store by steps", () => {
    const rampUp = (observed: Partial<Observed>) => nextPace(startPace(limits), { ...calm, ...observed }, limits).rampUp;
    expect([rampUp({}), rampUp({ cacheFailures: 100 }), rampUp({ overObjective: 9 }), rampUp({ overComfort: 9 })]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

test.each([
  [1, 0.5, 200],
  [2, 0.5, 400],
  [5, 0.5, 3200],
  [6, 0.5, 5000],
  [9, 0, 3750],
  [9, 1, 6250],
])("attempt %d waits about %d", (attempt, chance, ms) => expect(retryAfterMs(attempt, chance)).toBe(ms));
