import { PassThrough } from "node:stream";
import { render } from "ink-testing-library";
import { createElement } from "react";
import { describe, expect, test } from "vitest";
import type { LoadProgress } from "../../../src/load/result.ts";
import { addWindow, advance, liveStart, sparkline, type LiveLoad } from "../../../src/ui/load-live.ts";
import { LoadView, showLoad } from "../../../src/ui/load-view.ts";

function progress(elapsedMs: number, sent: number, more: Partial<LoadProgress> = {}): LoadProgress {
  return {
    elapsedMs,
    leftMs: Math.max(0, 10_000 - elapsedMs),
    counts: { scheduled: sent + 12, sent, completed: sent, ok: sent - 100, errors: 100, dropped: 12, unfinished: 0 },
    responseP50Us: 1100,
    responseP95Us: 3900,
    responseP99Us: 17_300,
    targetPerSec: 500,
    errorsByCause: { partial: 10, timeout: 90 },
    perNode: [
      { node: "n1", requests: 4120, errors: 0, serviceP99Us: 3200 },
      { node: "node-2", requests: 14_120, errors: 90, serviceP99Us: undefined },
    ],
    ...more,
  };
}

function frame(live: LiveLoad, columns = 80): string {
  const { lastFrame, unmount } = render(createElement(LoadView, { title: "load of 500/s on cluster local", live, columns }));
  const text = lastFrame()!;
  unmount();
  return text;
}

test("a run half-way", () => {
  let live = liveStart(progress(3000, 1500));
  for (const p99Us of [900, 1000, null, 230_000]) live = addWindow(live, p99Us);
  live = advance(advance(live, progress(4000, 1990)), progress(4250, 2110));
  expect(frame(live)).toMatchInlineSnapshot(`
    "load of 500/s on cluster local
    4 s       ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  6 s left
    rate      wanted 500/s · sent 488/s · ok 488/s · 2,010 ok in all
    response  p50 1.10 ms · p95 3.90 ms · p99 17.3 ms
    p99       ▁▁·█ 900 µs – 230 ms
    not ok    timeout 90 · partial 10 · dropped 12
    nodes     n1          4,120 requests  p99 3.20 ms
              node-2     14,120 requests  p99       -  90 not ok
    Ctrl-C drains and reports, again stops"
  `);
});

test("warm-up and draining say so", () => {
  const start = progress(-1800, 0, { errorsByCause: {}, perNode: [], responseP50Us: undefined });
  const none = { ...start, counts: { ...start.counts, errors: 0, dropped: 0, ok: 0 } };
  expect(frame(liveStart(none))).toMatch(/warm-up +2 s more, in no count[^]*not ok +none[^]*again stops/);
  expect(frame(liveStart(progress(10_400, 5000)))).toMatch(/draining[^]*waiting for what is under way; Ctrl-C stops/);
});

test.each([40, 80, 100])("nothing is wider than %d columns, whatever the names and figures", (columns) => {
  const perNode = Array.from({ length: 12 }, (_, index) => ({
    node: `a-node-with-a-very-long-name-indeed-${index}`,
    requests: 123_456_789,
    errors: 12_345,
    serviceP99Us: 3_000_000,
  }));
  const errorsByCause = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`status-5${index}`, 10_000]));
  let live = liveStart(progress(4000, 123_456_789, { perNode, errorsByCause }));
  for (let index = 0; index < 200; index++) live = addWindow(live, 100 * (index + 1));
  const lines = frame(live, columns).split("\n");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
  expect(lines.join("\n")).toContain("and 4 more");
});

describe("rates are of about the last second", () => {
  test("not of the whole run", () => {
    let live = liveStart(progress(0, 1000));
    for (let ms = 250; ms <= 5000; ms += 250) live = advance(live, progress(ms, 1000 + ms));
    for (let ms = 5250; ms <= 7000; ms += 250) live = advance(live, progress(ms, 6000 + (ms - 5000) / 2));
    expect(live.nowPerSec!.sent).toBeCloseTo(500, 6);
    expect(live.recent.length).toBeLessThan(8);
  });

  test("and unknown at first", () => {
    expect(liveStart(progress(-500, 0)).nowPerSec).toBeUndefined();
    expect(advance(liveStart(progress(0, 0)), progress(250, 100)).nowPerSec).toBeUndefined();
  });
});

test("a sparkline is logarithmic, flat where nothing changes, and leaves gaps", () => {
  expect(sparkline([1, 10, 100, null, 1000])).toBe("▁▃▆·█");
  expect(sparkline([100, 101, 102])).toBe("▃▃▃");
  expect(sparkline([])).toBe("");
  expect(sparkline([null])).toBe("·");
});

test("at the end the terminal is as it was: what comes next stands alone", async () => {
  let written = "";
  const stream = Object.assign(new PassThrough(), { columns: 80, rows: 30, isTTY: true });
  stream.on("data", (chunk: Buffer) => (written += chunk.toString("utf8")));
  const screen = showLoad("load of 500/s", stream as unknown as NodeJS.WriteStream);
  screen.window(1000);
  screen.update(progress(3000, 1500));
  await new Promise((resolve) => setTimeout(resolve, 300));
  screen.end();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(written).toContain("wanted 500/s");
  expect(screenOf(written)).toEqual([]);
});

/** What a terminal shows after these writes, as far as the sequences go that ink uses for erasing. */
function screenOf(written: string): string[] {
  const lines: string[] = [""];
  let row = 0;
  // oxlint-disable-next-line no-control-regex -- escape sequences are what this is about
  for (const token of written.match(/\u001b\[[0-9;?]*[A-Za-z]|\n|\r|[^\u001b\n\r]+/g) ?? []) {
    const amount = Number(/\d+/.exec(token)?.[0] ?? 1);
    if (token === "\n") lines[++row] ??= "";
    else if (token.startsWith("\u001b[") && token.endsWith("A")) row = Math.max(0, row - amount);
    else if (token.startsWith("\u001b[") && token.endsWith("K")) lines[row] = "";
    else if (token.startsWith("\u001b[") && token.endsWith("J")) lines.splice(row + 1);
    else if (!token.startsWith("\u001b") && token !== "\r") lines[row] += token;
  }
  return lines.filter((line) => line.trim() !== "");
}
