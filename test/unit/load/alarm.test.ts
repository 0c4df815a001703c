import { expect, test } from "vitest";
import {
  earlyUs,
  initialAlarm,
  keepToBudget,
  leadUs,
  pacerBudget,
  sleptOver,
  wokeAfter,
  type AlarmState,
} from "../../../src/load/threads/alarm.ts";

function after(count: number, change: (state: AlarmState) => AlarmState, state = initialAlarm): AlarmState {
  for (let i = 0; i < count; i++) state = change(state);
  return state;
}

test("sleeps end as much earlier as they were measured to oversleep", () => {
  const steady = after(500, (state) => sleptOver(state, 60));
  expect(steady.oversleepUs).toBeCloseTo(60, 0);
  expect(earlyUs(steady)).toBeCloseTo(60, 0);
});

test("one stopped second spoils little, and soon nothing", () => {
  const steady = after(500, (state) => sleptOver(state, 60));
  const shocked = sleptOver(steady, 1_000_000);
  expect(earlyUs(shocked)).toBeLessThan(200);
  expect(earlyUs(after(300, (state) => sleptOver(state, 60), shocked))).toBeCloseTo(60, 0);
});

test("never more than a quarter of a millisecond early, nor told more than 60 µs ahead", () => {
  expect(earlyUs(after(500, (state) => sleptOver(state, 900)))).toBeLessThanOrEqual(250);
  expect(leadUs(after(500, (state) => wokeAfter(state, 5_000)))).toBeLessThanOrEqual(60);
  expect(leadUs(after(500, (state) => wokeAfter(state, 16)))).toBeCloseTo(22, 0);
});

test("over budget it spins less, and within it more, by steps and within bounds", () => {
  expect(keepToBudget(initialAlarm, 0.2).spinScale).toBeCloseTo(0.9);
  expect(after(50, (state) => keepToBudget(state, 0.2)).spinScale).toBe(0);
  expect(after(50, (state) => keepToBudget(state, 0.01), { ...initialAlarm, spinScale: 0 }).spinScale).toBe(1);
  const steady = { ...initialAlarm, spinScale: 0.5 };
  expect(keepToBudget(steady, pacerBudget * 0.9)).toEqual(steady);
  // With what the worker spins, pacing must stay below a tenth of a core.
  expect(pacerBudget).toBeLessThan(0.1);
});
