import { describe, expect, test } from "vitest";
import { openingHours } from "../../../../src/experiments/monkey/calendar.ts";
import { plannedActs, type MonkeySchedule } from "../../../../src/experiments/monkey/schedule.ts";

const hour = 3_600_000;
const day = 24 * hour;
const from = Date.parse("2026-01-01T00:00:00Z");
const allDays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

const always: MonkeySchedule = {
  timeZone: "UTC",
  hours: "00:00-24:00",
  days: allDays,
  except: [],
  seed: 7,
  every: hour,
  probability: 0.2,
  minBetween: 0,
  faults: [
    { name: "kill-node", weight: 3, forMs: 60_000 },
    { name: "latency", weight: 1, forMs: 120_000 },
  ],
};
const year = (more: Partial<MonkeySchedule> = {}) => plannedActs({ ...always, ...more }, from, from + 365 * day);

test("the same time, seed and configuration give the same acts, however they are asked for", () => {
  const whole = plannedActs(always, from, from + 20 * day);
  expect(whole.length).toBeGreaterThan(20);
  const apart = Array.from({ length: 80 }, (_, index) =>
    plannedActs(always, from + index * 6 * hour, from + (index + 1) * 6 * hour),
  );
  expect(apart.flat()).toEqual(whole);
  const minBetween = 3 * hour;
  const spaced = plannedActs({ ...always, minBetween }, from, from + 20 * day);
  expect(
    Array.from({ length: 160 }, (_, index) =>
      plannedActs({ ...always, minBetween }, from + index * 3 * hour, from + (index + 1) * 3 * hour),
    ).flat(),
  ).toEqual(spaced);
});

test("the first acts of seed 7, as they are today", () => {
  expect(
    plannedActs(always, from, from + 12 * hour).map(({ atMs, fault }) => `${new Date(atMs).toISOString().slice(0, 19)} ${fault}`),
  ).toMatchInlineSnapshot(`
    [
      "2026-01-01T05:27:03 0",
      "2026-01-01T07:36:53 0",
    ]
  `);
});

test("another seed gives another year", () => {
  const times = (seed: number) => new Set(year({ seed }).map(({ atMs }) => atMs));
  const [a, b] = [times(1), times(2)];
  expect([...a].filter((time) => b.has(time)).length).toBeLessThan(5);
});

test("probability is that of an interval: 1,752 of 8,760", () => {
  // Four standard deviations of the binomial: 37 each.
  expect(Math.abs(year().length - 1_752)).toBeLessThan(150);
  expect(year({ probability: 0 })).toEqual([]);
  // Two that draw neighbouring ends of their hours would overlap.
  const all = year({ probability: 1 }).length;
  expect(all).toBeLessThanOrEqual(8_760);
  expect(all).toBeGreaterThan(8_740);
});

test("kinds by weight, and nodes evenly", () => {
  const acts = year();
  const kills = acts.filter(({ fault }) => fault === 0).length / acts.length;
  expect(kills).toBeGreaterThan(0.7);
  expect(kills).toBeLessThan(0.8);
  const thirds = [0, 1, 2].map((third) => acts.filter(({ pick }) => Math.floor(pick * 3) === third).length / acts.length);
  for (const share of thirds) expect(Math.abs(share - 1 / 3)).toBeLessThan(0.06);
});

describe("at least so long between the end of one and the begin of the next", () => {
  test.each([
    [0.2, 2 * hour],
    [0.9, 90 * 60_000],
    [1, 5 * hour],
  ])("probability %f, %i ms", (probability, minBetween) => {
    const acts = year({ probability, minBetween });
    expect(acts.length).toBeGreaterThan(300);
    for (const [index, act] of acts.entries()) {
      const next = acts[index + 1];
      if (next) expect(next.atMs - (act.atMs + act.forMs)).toBeGreaterThanOrEqual(minBetween);
    }
  });
});

describe("within working hours, and on no day that is excluded", () => {
  const office = {
    timeZone: "America/New_York",
    hours: "10:00-16:00",
    days: ["tue", "wed", "thu"] as const,
    except: ["12-20..01-05"],
  };
  test("every act is within them from its begin to its end", () => {
    const acts = year({ ...office, probability: 1 });
    const isOpen = openingHours({ ...always, ...office });
    // Six hours on three days of each week, but for two weeks and a half.
    expect(acts.length).toBeGreaterThan(800);
    expect(acts.length).toBeLessThan(940);
    for (const { atMs, forMs } of acts) expect(isOpen(atMs) && isOpen(atMs + forMs - 1)).toBe(true);
    for (const { atMs } of acts) expect(new Date(atMs).toISOString()).not.toMatch(/-12-2\d|-12-3\d|-01-0[1-5]/);
  });
  test("what does not fit before the end of the day is dropped", () => {
    const faults = [{ name: "hang", weight: 1, forMs: 5 * hour }];
    const acts = year({ ...office, timeZone: "UTC", probability: 1, faults });
    expect(acts.length).toBeGreaterThan(50);
    for (const { atMs } of acts) expect(new Date(atMs).getUTCHours()).toBe(10);
  });
  test("an hour that comes twice in autumn has twice the acts, and one that summer time skips has none", () => {
    const night = {
      ...always,
      timeZone: "Europe/Vienna",
      hours: "02:00-03:00",
      probability: 1,
      every: 60_000,
      faults: [{ name: "x", weight: 1, forMs: 1_000 }],
    };
    const on = (utcDay: string) =>
      plannedActs(night, Date.parse(`${utcDay}T00:00:00Z`) - 2 * hour, Date.parse(`${utcDay}T00:00:00Z`) + 20 * hour).length;
    expect(on("2026-03-29")).toBe(0);
    expect(on("2026-10-25")).toBeGreaterThanOrEqual(118);
    expect(on("2026-10-25")).toBeLessThanOrEqual(120);
    expect(on("2026-05-05")).toBeGreaterThanOrEqual(58);
    expect(on("2026-05-05")).toBeLessThanOrEqual(60);
  });
});

test("nothing to do, or no time to do it in", () => {
  expect(year({ faults: [] })).toEqual([]);
  expect(plannedActs(always, from, from)).toEqual([]);
});
