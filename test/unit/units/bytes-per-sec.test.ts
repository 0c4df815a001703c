import { expect, test } from "vitest";
import { parseBytesPerSec } from "../../../src/units.ts";

test.each([
  ["1MiB/s", 1_048_576],
  ["64KiB/s", 65_536],
  ["10kb", 10_000],
  ["500", 500],
])("%s", (text, bytes) => {
  expect(parseBytesPerSec(text)).toBe(bytes);
});

test.each(["0", "0/s", "fast", "1MiB/m", "-1", ""])("refused: %s", (text) => {
  expect(() => parseBytesPerSec(text)).toThrow(`such as 1MiB/s or 64KiB/s, got "${text}"`);
});
