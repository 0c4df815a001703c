/** When the monkey may act: hours of days, in a time zone, but for some dates. */
export interface Calendar {
  /** IANA name: `Europe/Vienna`. */
  timeZone: string;
  /** `09:00-17:00`; `22:00-06:00` goes over midnight and belongs to the day it begins on; `00:00-24:00` is all day. */
  hours: string;
  days: readonly Day[];
  /** Dates `2026-12-24`, every year's `12-24`, and ranges of either `2026-12-24..2027-01-02`, both ends included. */
  except: readonly string[];
}

export const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
type Day = (typeof dayNames)[number];

const minuteMs = 60_000;
const dayMinutes = 1_440;

/** A date, or a day of every year (`year` undefined). */
interface DateText {
  year?: number;
  month: number;
  day: number;
}

/** Whether it is an hour at which the monkey may act, by the wall clock of the time zone. Pure: summer time is the zone's own. */
export function openingHours(calendar: Calendar): (atMs: number) => boolean {
  const wallClock = wallClockOf(calendar.timeZone);
  const [from, to] = parseHours(calendar.hours);
  const exceptions = calendar.except.map(parseException);
  const days = new Set(calendar.days.map((day) => dayNames.indexOf(day)));
  return (atMs) => {
    const { dayNumber, minute } = wallClock(atMs);
    const began = from < to || minute >= from ? dayNumber : dayNumber - 1;
    const within = from < to ? minute >= from && minute < to : minute >= from || minute < to;
    return within && days.has(weekdayOf(began)) && !exceptions.some((excluded) => excluded(began));
  };
}

/** Whether it is open all the time from start to end: a fault must be over before people go home. */
export function openThroughout(isOpen: (atMs: number) => boolean, startMs: number, endMs: number): boolean {
  for (let atMs = startMs; atMs < endMs; atMs += minuteMs) if (!isOpen(atMs)) return false;
  return isOpen(Math.max(startMs, endMs - 1));
}

/** @returns minutes since midnight, [from, to). @throws Error, a plain sentence */
export function parseHours(text: string): [number, number] {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text.trim());
  const [fromHour = 99, fromMinute = 0, toHour = 99, toMinute = 0] = match?.slice(1).map(Number) ?? [];
  const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  if (from >= dayMinutes || to > dayMinutes || fromMinute > 59 || toMinute > 59 || from === to)
    throw new Error(`expected hours such as 09:00-17:00, got "${text}"`);
  return [from, to];
}

/** @returns whether a day, counted from 1970-01-01, is excluded. @throws Error, a plain sentence */
export function parseException(text: string): (dayNumber: number) => boolean {
  const [first, last = first] = text.split("..").map((part) => parseDate(part.trim(), text));
  if (first!.year === undefined || last!.year === undefined) {
    if (first!.year !== undefined || last!.year !== undefined) throw new Error(`"${text}" says a year at one end alone`);
    const [from, to] = [first!.month * 100 + first!.day, last!.month * 100 + last!.day];
    return (dayNumber) => {
      const date = new Date(dayNumber * dayMinutes * minuteMs);
      const at = (date.getUTCMonth() + 1) * 100 + date.getUTCDate();
      return from <= to ? at >= from && at <= to : at >= from || at <= to;
    };
  }
  const [from, to] = [dayNumberOf(first!), dayNumberOf(last!)];
  if (to < from) throw new Error(`"${text}" ends before it begins`);
  return (dayNumber) => dayNumber >= from && dayNumber <= to;
}

export function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en-US", { timeZone: name }));
  } catch {
    return false;
  }
}

function parseDate(part: string, whole: string): DateText {
  const match = /^(?:(\d{4})-)?(\d\d)-(\d\d)$/.exec(part);
  if (match) {
    const [year, month, day] = [match[1], Number(match[2]), Number(match[3])];
    // 2024 had a 29th of February.
    const date = new Date(Date.UTC(year === undefined ? 2024 : Number(year), month - 1, day));
    if (date.getUTCMonth() === month - 1 && date.getUTCDate() === day)
      return year === undefined ? { month, day } : { year: Number(year), month, day };
  }
  throw new Error(`expected dates such as 2026-12-24, 12-24 or 2026-12-24..2027-01-02, got "${whole}"`);
}

function dayNumberOf({ year = 1970, month, day }: DateText): number {
  return Date.UTC(year, month - 1, day) / (dayMinutes * minuteMs);
}

/** 1970-01-01 was a Thursday. */
function weekdayOf(dayNumber: number): number {
  return (((dayNumber + 4) % 7) + 7) % 7;
}

/** The date there, as days since 1970-01-01, and minutes since its midnight as clocks on the wall show them. */
function wallClockOf(timeZone: string): (atMs: number) => { dayNumber: number; minute: number } {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (atMs) => {
    const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    const { year, month = 1, day = 1, hour = 0, minute = 0 } = parts;
    return { dayNumber: dayNumberOf({ year: year ?? 1970, month, day }), minute: hour * 60 + minute };
  };
}
