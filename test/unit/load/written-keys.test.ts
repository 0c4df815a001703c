import { expect, test } from "vitest";
import { WrittenKeys, writtenKeysBytes } from "../../../src/load/mixed/written-keys.ts";

test("acknowledged keys, shared by threads: none at first, then any of the last 4096", () => {
  const buffer = writtenKeysBytes();
  const writer = new WrittenKeys(buffer);
  const reader = new WrittenKeys(buffer);
  expect(reader.pick(0.5)).toBeUndefined();
  writer.add(0);
  writer.add(7);
  expect([0, 0.49, 0.5, 0.999].map((random) => reader.pick(random))).toEqual([0, 0, 7, 7]);
  for (let n = 8; n < 10_000; n++) writer.add(n);
  const picked = Array.from({ length: 5_000 }, (_, i) => reader.pick(i / 5_000)!);
  expect(Math.max(...picked)).toBe(9_999);
  expect(Math.min(...picked)).toBe(9_999 - 4_095);
  expect(new Set(picked).size).toBe(4_096);
});
