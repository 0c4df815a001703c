import { expect, test } from "vitest";
import { progressLine, silentProgress, terminalProgress } from "../../../src/report/progress.ts";
import { SimClock } from "../../helpers/sim-clock.ts";

const state = { label: "ingest", done: 0, total: 1000, unit: "documents", note: undefined, elapsedMs: 0 };

test.each([
  [{}, "ingest: 0 of 1,000 documents"],
  [{ done: 100, elapsedMs: 999 }, "ingest: 100 of 1,000 documents"],
  [{ done: 100, elapsedMs: 1000 }, "ingest: 100 of 1,000 documents · 100/s · 9.00 s left"],
  [{ done: 1000, elapsedMs: 5000 }, "ingest: 1,000 of 1,000 documents · 200/s"],
  [{ done: 5, total: undefined, unit: "", elapsedMs: 2000, note: "2 dead" }, "ingest: 5 · 2.50/s · 2 dead"],
])("%j", (change, expected) => {
  expect(progressLine({ ...state, ...change })).toBe(expected);
});

test("a terminal sees a line that is redrawn at most ten times a second, cut to its width, and erased", async () => {
  const clock = new SimClock();
  const writes: string[] = [];
  const output = { write: (text: string) => void writes.push(text), isTTY: true, columns: 30 };
  const task = terminalProgress(output, clock).start("a label that is quite long", { total: 10, unit: "things" });
  for (let done = 1; done <= 10; done++) {
    task.update(done);
    await clock.advance(50);
  }
  task.end("done");
  task.end("again");
  task.update(11);
  // The first drawing, then every other update from 100 ms on, then the end.
  expect(writes).toHaveLength(1 + 4 + 1);
  for (const line of writes.slice(0, -1)) expect(line.replace("\r\u001B[2K", "").length).toBeLessThanOrEqual(29);
  expect(writes.at(-1)).toBe("\r\u001B[2Ka label that is quite long: done\n");
  const silent = silentProgress.start("x");
  silent.update(1);
  silent.end();
});
