import { expect, test } from "vitest";
import { statusReport } from "../../../src/report/status.ts";
import { makeStyle } from "../../../src/report/style.ts";
import { troubled } from "./helpers.ts";

const style = makeStyle({ color: false, columns: 80 });

test("what is wrong stands first, and everything fits 80 columns", () => {
  const text = statusReport(troubled, style);
  expect(text).toMatchInlineSnapshot(`
    "cluster local · routed · 3 nodes: 1 healthy, 1 degraded, 1 dead

    node  health    zone  version  answers in  points  url
    n1    healthy   a     1.18.0       420 µs     933  http://127.0.0.1:7001
    n2    dead      b     -                 -       -  http://127.0.0.1:7002
    n3    degraded  a     1.18.0       312 ms     933  http://127.0.0.1:7003

    n2: connection refused

    collection  copies  replicas  epoch  on
    docs         1,864         2      3  n1 933, n2 ?, n3 931 stale

    cache       redis://127.0.0.1:7100 · 1.00 MiB of 64.0 MiB · 12 entries · 200 µs
    objectives  p99 ≤ 100 ms, errorRate ≤ 0.10 %, availability ≥ 0.9999"
  `);
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
});

test("a zone's own cache has a line of its own", () => {
  const own = { ...troubled.cache!, zone: "b", endpoints: ["redis://127.0.0.1:7200"] };
  const lines = statusReport({ ...troubled, zoneCaches: [own] }, style).split("\n");
  expect(lines).toContain("cache       redis://127.0.0.1:7100 · 1.00 MiB of 64.0 MiB · 12 entries · 200 µs");
  expect(lines).toContain("in zone b   redis://127.0.0.1:7200 · 1.00 MiB of 64.0 MiB · 12 entries · 200 µs");
});

test("a cache that does not answer is said with why", () => {
  const cache = { ...troubled.cache!, ok: false, problem: "connection refused", meanwhile: "goes on from memory" as const };
  expect(statusReport({ ...troubled, cache }, style)).toContain(
    "redis://127.0.0.1:7100: connection refused; meanwhile an application goes on from memory",
  );
});
