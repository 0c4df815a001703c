import { describe, expect, test } from "vitest";
import {
  isTimeZone,
  openingHours,
  openThroughout,
  parseException,
  parseHours,
  type Calendar,
} from "../../../../src/experiments/monkey/calendar.ts";

const weekdays = ["mon", "tue", "wed", "thu", "fri"] as const;
const office: Calendar = { timeZone: "Europe/Vienna", hours: "09:00-17:00", days: weekdays, except: [] };
const every = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
const at = (utc: string) => Date.parse(`${utc}Z`);
const open = (utc: string, more: Partial<Calendar> = {}) => openingHours({ ...office, ...more })(at(utc));

describe("hours of days, by the wall clock of the zone", () => {
  test.each([
    // Vienna is UTC+1 in winter, UTC+2 in summer.
    ["2026-01-14T07:59:59", false],
    ["2026-01-14T08:00:00", true],
    ["2026-01-14T15:59:59", true],
    ["2026-01-14T16:00:00", false],
    ["2026-07-15T06:59:59", false],
    ["2026-07-15T07:00:00", true],
    ["2026-07-15T15:00:00", false],
    // A Saturday and a Sunday.
    ["2026-01-17T10:00:00", false],
    ["2026-01-18T10:00:00", false],
  ])("%s UTC: %s", (utc, expected) => {
    expect(open(utc)).toBe(expected);
  });
  test("it is another day elsewhere: Sunday night in UTC is Monday morning in Auckland", () => {
    const auckland = { timeZone: "Pacific/Auckland" };
    expect(open("2026-01-18T20:30:00", auckland)).toBe(true);
    expect(open("2026-01-23T20:30:00", auckland)).toBe(false);
  });
  test("over midnight belongs to the day it begins on", () => {
    const night = { timeZone: "UTC", hours: "22:00-06:00", days: ["fri"] as const };
    expect(open("2026-01-16T22:00:00", night)).toBe(true);
    expect(open("2026-01-17T05:59:00", night)).toBe(true);
    expect(open("2026-01-17T06:00:00", night)).toBe(false);
    expect(open("2026-01-16T05:00:00", night)).toBe(false);
    expect(open("2026-01-17T22:30:00", night)).toBe(false);
    expect(open("2026-01-17T01:00:00", { ...night, except: ["2026-01-16"] })).toBe(false);
  });
});

describe("the days on which clocks change", () => {
  const early = { hours: "01:00-04:00", days: every };
  // Vienna, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC. 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC.
  test.each([
    ["2026-03-29T00:00:00", "01:00", true],
    ["2026-03-29T00:59:59", "01:59", true],
    ["2026-03-29T01:00:00", "03:00", true],
    ["2026-03-29T02:00:00", "04:00", false],
    ["2026-10-24T22:59:59", "00:59", false],
    ["2026-10-24T23:00:00", "01:00", true],
    ["2026-10-25T00:59:59", "02:59 the first time", true],
    ["2026-10-25T01:00:00", "02:00 the second time", true],
    ["2026-10-25T02:59:59", "03:59", true],
    ["2026-10-25T03:00:00", "04:00", false],
  ])("%s UTC is %s: %s", (utc, _wall, expected) => {
    expect(open(utc, early)).toBe(expected);
  });
  test("an hour that does not exist is never open, and one that comes twice is open twice", () => {
    const openMinutes = (day: string, hours: string) => {
      const isOpen = openingHours({ ...office, hours, days: every });
      return Array.from({ length: 1_440 }, (_, minute) => isOpen(at(`${day}T00:00:00`) - 3_600_000 * 2 + minute * 60_000)).filter(
        Boolean,
      ).length;
    };
    expect(openMinutes("2026-03-29", "02:00-03:00")).toBe(0);
    expect(openMinutes("2026-10-25", "02:00-03:00")).toBe(120);
    expect(openMinutes("2026-05-05", "02:00-03:00")).toBe(60);
  });
});

describe("a calendar of exclusions", () => {
  test.each([
    ["2026-12-24", "2026-12-24", true],
    ["2026-12-24", "2026-12-25", false],
    ["2026-12-24", "2027-12-24", false],
    ["2026-12-24..2027-01-02", "2026-12-31", true],
    ["2026-12-24..2027-01-02", "2027-01-02", true],
    ["2026-12-24..2027-01-02", "2027-01-03", false],
    ["12-24", "2031-12-24", true],
    ["12-24..01-02", "2031-12-31", true],
    ["12-24..01-02", "2031-01-02", true],
    ["12-24..01-02", "2031-01-03", false],
    ["12-24..01-02", "2031-07-01", false],
    ["02-29", "2028-02-29", true],
  ])("%s on %s: %s", (text, day, excluded) => {
    expect(parseException(text)(at(`${day}T00:00:00`) / 86_400_000)).toBe(excluded);
  });
  test("dates are those of the zone", () => {
    const all = { hours: "00:00-24:00", days: every, except: ["2026-05-01"] };
    expect(open("2026-04-30T21:59:00", all)).toBe(true);
    expect(open("2026-04-30T22:00:00", all)).toBe(false);
    expect(open("2026-05-01T21:59:00", all)).toBe(false);
    expect(open("2026-05-01T22:00:00", all)).toBe(true);
  });
  test.each(["2026-02-30", "24.12.", "2026-12-24..12-26", "2027-01-02..2026-12-24", ""])("%j is refused", (text) => {
    expect(() => parseException(text)).toThrow(/./);
  });
});

test.each(["9-17", "09:00-09:00", "25:00-26:00", "09:60-10:00", "09:00-24:01"])("hours %j are refused", (text) => {
  expect(() => parseHours(text)).toThrow(/expected hours such as/);
});

test("a fault must be over before people go home", () => {
  const isOpen = openingHours(office);
  const until = (minutes: number) =>
    openThroughout(isOpen, at("2026-01-14T15:50:00"), at("2026-01-14T15:50:00") + minutes * 60_000);
  expect(until(10)).toBe(true);
  expect(until(11)).toBe(false);
  // Open at both ends, and closed for a night between.
  expect(until(24 * 60)).toBe(false);
});

test("time zones are IANA's", () => {
  expect(isTimeZone("America/St_Johns")).toBe(true);
  expect(isTimeZone("Mars/Olympus")).toBe(false);
});
