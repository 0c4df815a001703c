import { expect, test } from "vitest";
import { crossChecks } from "../../../src/config/checks.ts";

const problemsOf = (cache: object) =>
  crossChecks(
    {
      clusters: {
        one: {
          nodes: [
            { id: "n1", zone: "a" },
            { id: "n2", zone: "b" },
          ],
          cache,
        },
      },
    },
    () => true,
  ).problems.map(({ path, message }) => `${path.slice(2).map(String).join(".")}: ${message}`);

test.each<[string, object, string[]]>([
  ["one in each of two zones", { driver: "redis", url: "redis://x", zones: { b: { url: "redis://y" } } }, []],
  [
    "a zone that there is not, without a place, and with two",
    {
      driver: "redis",
      url: "redis://x",
      zones: { bb: { url: "redis://y" }, a: {}, b: { url: "redis://y", cluster: ["redis://z"] } },
    },
    [
      'cache.zones.bb: no node is in zone "bb"; did you mean "b"?',
      "cache.zones.a: expected one of url, cluster or sentinel, got none",
      "cache.zones.b: expected one of url, cluster or sentinel, got url and cluster",
    ],
  ],
  [
    "memory is in no zone",
    { driver: "memory", zones: { b: { url: "redis://y" } } },
    ["cache.zones: is for driver redis or tiered; this one is memory"],
  ],
])("%s", (_name, cache, expected) => {
  expect(problemsOf(cache)).toEqual(expected);
});
