import { expect, test } from "vitest";
import { parseHotkeys } from "../../../src/cache/hot/hotkeys.ts";

// As redis.io shows the answer of HOTKEYS GET.
const reply = [
  "tracking-active",
  1,
  "sample-ratio",
  1,
  "selected-slots",
  [],
  "all-commands-all-slots-us",
  220,
  "net-bytes-all-commands-all-slots",
  200,
  "collection-duration-ms",
  6408,
  "by-cpu-time-us",
  ["x", 104, "y", 98, "z", 18],
];

test.each([
  ["flat", reply],
  ["within one array more", [reply]],
])("the hottest keys of HOTKEYS GET, %s", (_, answer) => {
  const keys = parseHotkeys(answer, "r1:6379");
  expect(keys.map(({ key, score }) => [key, score])).toEqual([
    ["x", 104],
    ["y", 98],
    ["z", 18],
  ]);
  expect(keys[0]).toMatchObject({ address: "r1:6379", unit: "cpuUs", share: 104 / 220 });
});

test("of a server that tracked nothing there are none", () => {
  expect(parseHotkeys(null, "r1:6379")).toEqual([]);
  expect(parseHotkeys(["tracking-active", 0], "r1:6379")).toEqual([]);
});
