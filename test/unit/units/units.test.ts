import { expect, test } from "vitest";
import {
  durationInput,
  formatBytes,
  formatCount,
  formatDurationMs,
  formatDurationUs,
  formatPercent,
  formatRate,
  plural,
  parseDurationMs,
  parseFraction,
  parseRatePerSec,
  parseSizeBytes,
  sizeInput,
} from "../../../src/units.ts";

test.each([
  ["250ms", 250],
  ["10s", 10_000],
  ["1.5m", 90_000],
  ["1h30m", 5_400_000],
  ["2d", 172_800_000],
  ["500us", 0.5],
  [" 1s ", 1000],
  ["0s", 0],
])("%s is %d ms", (text, ms) => expect(parseDurationMs(text)).toBe(ms));

test.each(["", "5", "s", "-1s", "1 s", "1s garbage", "1sm", "1e3s", "soon", "1h 30m"])("%j is no duration", (text) => {
  expect(() => parseDurationMs(text)).toThrow(/expected a duration such as/);
});

test.each([
  ["512", 512],
  ["64MiB", 67_108_864],
  ["2GB", 2_000_000_000],
  ["1.5 KiB", 1536],
  ["1kb", 1000],
  ["7B", 7],
])("%s is %d bytes", (text, bytes) => expect(parseSizeBytes(text)).toBe(bytes));
test.each(["", "MiB", "-1", "5 apples", "1i", "1ib"])("%j is no size", (text) => {
  expect(() => parseSizeBytes(text)).toThrow(/expected a size such as/);
});

test.each([
  ["500", 500],
  ["500/s", 500],
  ["30/m", 0.5],
  ["3600/h", 1],
])("%s is %d a second", (text, rate) => expect(parseRatePerSec(text)).toBe(rate));
test.each(["0", "", "-5", "5/d", "fast", "1/s/s"])("%j is no rate", (text) => {
  expect(() => parseRatePerSec(text)).toThrow(/expected a rate above zero/);
});

test.each([
  ["0.1%", 0.001],
  ["99.99%", 0.9999],
  ["0.95", 0.95],
  ["100%", 1],
  ["0.07%", 0.0007],
])("%s is the fraction %d", (text, fraction) => expect(parseFraction(text)).toBe(fraction));
test.each(["", "%", "-1%", "half", "1 %"])("%j is no fraction", (text) => {
  expect(() => parseFraction(text)).toThrow(/expected a fraction such as/);
});

test("what is written can be read back, exactly", () => {
  for (const ms of [0, 0.5, 1, 1500, 1000, 90_000, 60_000, 3_600_000, 5_400_000, 86_400_000, 123_456_789])
    expect(parseDurationMs(durationInput(ms)), durationInput(ms)).toBe(ms);
  for (const bytes of [0, 1, 1000, 1024, 1536, 67_108_864, 2 ** 40, 3 * 2 ** 30 + 1])
    expect(parseSizeBytes(sizeInput(bytes))).toBe(bytes);
  expect([durationInput(3_600_000), durationInput(1500), sizeInput(67_108_864)]).toEqual(["1h", "1500ms", "64MiB"]);
});

test.each([
  [0, "0 µs"],
  [999.4, "999 µs"],
  [1000, "1.00 ms"],
  [12_345, "12.3 ms"],
  [999_999, "1000 ms"],
  [1_000_000, "1.00 s"],
  [119_000_000, "119 s"],
  [200_000_000, "3 m 20 s"],
  [7_260_000_000, "2 h 1 m"],
  [Number.POSITIVE_INFINITY, "∞"],
])("%d µs is shown as %s", (us, text) => expect(formatDurationUs(us)).toBe(text));

test("counts, shares, rates and sizes as a reader expects them", () => {
  expect(formatCount(1_234_567.4)).toBe("1,234,567");
  expect([0, 0.12345, 1, 0.001].map(formatPercent)).toEqual(["0 %", "12.3 %", "100 %", "0.10 %"]);
  expect([0.5, 12.34, 999, 1000, 12_345].map(formatRate)).toEqual(["0.50/s", "12.3/s", "999/s", "1,000/s", "12,345/s"]);
  expect([0, 512, 1536, 5 * 2 ** 40, 2 ** 60].map(formatBytes)).toEqual(["0 B", "512 B", "1.50 KiB", "5.00 TiB", "1048576 TiB"]);
  expect(formatDurationMs(1500)).toBe("1.50 s");
});

test.each([
  [0, "document", "0 documents"],
  [1, "document", "1 document"],
  [1, "query", "1 query"],
  [2, "query", "2 queries"],
  [1200, "copy", "1,200 copies"],
  [3, "key", "3 keys"],
  [2, "process", "2 processes"],
  [2, "batch", "2 batches"],
])("%d of %s: %s", (count, noun, text) => expect(plural(count, noun)).toBe(text));
