import { expect, test } from "vitest";
import { distributionChart, nines } from "../../../../src/report/html/distribution-chart.ts";
import type { TimeAxis } from "../../../../src/report/html/model.ts";
import { stackChart } from "../../../../src/report/html/stack-chart.ts";
import { timeChart } from "../../../../src/report/html/time-chart.ts";
import { bandsOf, type ReportEvent } from "../../../../src/report/html/timeline.ts";

const time: TimeAxis = { seconds: [0, 1, 2, 3], everySeconds: 1, totalSeconds: 4, bands: [] };
const chart = {
  label: "test",
  width: 400,
  height: 130,
  time,
  axis: (value: number) => String(value),
  exact: (value: number) => `${value} exactly`,
};

test("a line is a path through the middles of its points; a gap breaks it, and a point alone is a dot", () => {
  const { text } = timeChart({ ...chart, lines: [{ name: "p99", tone: "t3", values: [0, 10, null, 5] }] });
  expect(text.match(/<(path|circle) class="(line|dot)[^>]*>/g)).toMatchInlineSnapshot(`
    [
      "<path class="line t3" d="M99.5 108L182.5 8"/>",
      "<circle class="dot t3" cx="348.5" cy="58" r="2"/>",
    ]
  `);
});

test("each point says its figures, in words", () => {
  const { text } = timeChart({ ...chart, lines: [{ name: "p99", tone: "t3", values: [0, 10, null, 5] }] });
  expect(text.match(/<title>[^<]*<\/title>/g)).toEqual([
    "<title>0:00\np99  0 exactly</title>",
    "<title>0:01\np99  10 exactly</title>",
    "<title>0:02\np99  –</title>",
    "<title>0:03\np99  5 exactly</title>",
  ]);
});

test("a limit far above everything would flatten the lines: it is left out", () => {
  const lines = [{ name: "p99", tone: "t3", values: [1, 2, 1, 2] }];
  const limit = (value: number) => timeChart({ ...chart, lines, limits: [{ value, name: "p99<x", ok: true }] }).text;
  expect(limit(5)).toContain("p99&lt;x");
  expect(limit(500)).not.toContain("p99&lt;x");
});

test("labels of events never cover one another", () => {
  const bands = [0, 0.2, 0.4, 0.6].map((from) => ({
    from,
    to: from + 1,
    label: `fault at ${from} of some length`,
    kind: "fault",
  }));
  const { text } = timeChart({ ...chart, width: 1072, time: { ...time, bands }, bandLabels: true, lines: [] });
  const rows = [...text.matchAll(/class="event fault" x="([\d.]+)" y="([\d.]+)"/g)].map((match) => match[2]);
  expect(new Set(rows).size).toBe(rows.length);
  // The fourth found no row; the band says it.
  expect(rows).toHaveLength(3);
  expect(text.match(/<title>fault at/g)).toHaveLength(4);
});

test("stacked counts stand on one another and reach their sum", () => {
  const layers = [
    { name: "timeout", tone: "e1", counts: [0, 3, 0, 0] },
    { name: "reset", tone: "e2", counts: [0, 1, 4, 0] },
  ];
  const { text } = stackChart({ label: "errors", width: 400, height: 130, time, layers });
  const bars = [...text.matchAll(/class="bar (e\d)" x="([\d.]+)" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"/g)];
  expect(bars.map(([, tone, , y, height]) => [tone, Number(y), Number(height)])).toEqual([
    ["e1", 33, 75],
    ["e2", 8, 25],
    ["e2", 8, 100],
  ]);
});

test("every nine takes as much room as the last", () => {
  expect([0, 0.9, 0.99, 0.999].map((q) => Number(nines(q).toFixed(9)))).toEqual([0, 1, 2, 3]);
  const points = [0, 0.9, 0.99, 0.999, 1].map((q) => ({ q, us: 1000 * (1 + nines(Math.min(q, 0.999))) }));
  const { text } = distributionChart({
    width: 600,
    height: 200,
    curves: [{ name: "response", tone: "t3", points, n: 1000 }],
    limits: [
      { q: 0.99, us: 2000, name: "p99<2ms", ok: false },
      { q: 0.99, us: 1e9, name: "far", ok: true },
    ],
  });
  const xs = text
    .match(/class="line t3" d="M([^"]*)"/)![1]!
    .split("L")
    .map((point) => Number(point.split(" ")[0]));
  expect(xs).toEqual([58, 206.67, 355.33, 504, 504]);
  expect(text).toContain("under ten samples");
  expect(text).toContain("p99&lt;2ms");
  expect(text).not.toContain("far");
});

test("starts and ends are paired; what never ended lasts, and the run's own phases are no news", () => {
  const event = (atMs: number, kind: string, name: string, phase: ReportEvent["phase"]): ReportEvent => ({
    atMs,
    kind,
    name,
    phase,
  });
  const bands = bandsOf(
    [
      event(0, "load", "measure", "start"),
      event(2000, "fault", "kill n1", "start"),
      event(3000, "fault", "kill n1", "start"),
      event(5000, "fault", "kill n1", "end"),
      event(-4000, "migration", "move", "end"),
      event(6000, "migration", "late", "end"),
      event(7000, "step", "open", "start"),
      event(8000, "note", "deployed", "start"),
      event(99_000, "fault", "after", "start"),
    ],
    10,
  );
  expect(bands.map(({ label, from, to }) => [label, from, to])).toEqual([
    ["late", 0, 6],
    ["kill n1", 2, 5],
    ["kill n1", 3, 10],
    ["open", 7, 10],
    ["deployed", 8, 8],
  ]);
});
