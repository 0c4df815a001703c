import { expect, test } from "vitest";
import type { FaultResult } from "../../../src/faults/result.ts";
import { faultReport } from "../../../src/report/chaos.ts";
import { faultLines } from "../../../src/report/status.ts";
import { makeStyle } from "../../../src/report/style.ts";

const style = makeStyle({ color: false, columns: 80, clip: false });

function resultOf(more: Partial<FaultResult> = {}): FaultResult {
  return {
    id: "kill-node-x",
    fault: "kill-node",
    cluster: "local",
    targets: [{ node: "n2", kind: "process", pid: 7 }],
    options: {},
    injectedAt: 1_000,
    healedAt: 6_400,
    healed: true,
    probe: "gone",
    healMs: 400,
    stoppedBy: null,
    recovery: { backMs: 5_500, stale: [], servingMs: 5_500 },
    ...more,
  };
}

const lines = (more: Partial<FaultResult> = {}) => faultReport(resultOf(more), style).split("\n");

test("healed, and how long the cluster went without it", () => {
  expect(lines()).toEqual([
    "kill-node on n2 (pid 7) of local · kill-node-x",
    "healed and proven gone after 5.40 s, healing took 400 ms",
    "RTO 5.50 s: answering and serving again, no write was missed",
  ]);
});

test.each<[string, FaultResult["recovery"], string]>([
  [
    "a stale node counts until it is repaired",
    { backMs: 5_500, stale: ["n2"], servingMs: 13_300 },
    "RTO 13.3 s: answering after 5.50 s, then n2 repaired in 7.80 s",
  ],
  [
    "nobody repaired it in time",
    { backMs: 5_500, stale: ["n2"], servingMs: null },
    "answering again after 5.50 s; n2 missed writes, and still waits for repair",
  ],
  ["it never answered", { backMs: null, stale: [], servingMs: null }, "it has not answered again since"],
])("%s", (_what, recovery, line) => {
  expect(lines({ recovery }).at(-1)).toBe(line);
});

test("stopped before its time: by what", () => {
  const stoppedBy = { kind: "objective" as const, reason: "errors are 4 %" };
  expect(lines({ stoppedBy, recovery: null }).at(-1)).toBe("stopped before its time: errors are 4 %");
});

test("one that lasts says how to end it; one that cannot be undone, that it is done", () => {
  const open = { healedAt: null, healed: false, healMs: null, recovery: null };
  expect(lines({ ...open, probe: "active" }).at(-1)).toBe("active until it is healed: ragctl chaos heal kill-node-x");
  expect(lines({ ...open, probe: "gone" }).at(-1)).toBe("done; it cannot be undone");
});

test("status names what was broken on purpose, for how long, and what ends it", () => {
  const fault = { id: "hang-x", fault: "hang", target: "n2", since: 10_000, probe: "active" as const };
  const at = 22_000;
  expect(
    faultLines({
      at,
      faults: [
        { ...fault, leaseEndsAt: 26_000 },
        { ...fault, leaseEndsAt: null },
        { ...fault, leaseEndsAt: 21_000 },
      ],
    }),
  ).toEqual([
    "fault active: hang on n2 for 12.0 s, lease ends in 4.00 s unless renewed (hang-x)",
    "fault active: hang on n2 for 12.0 s, until it is healed (hang-x)",
    "fault active: hang on n2 for 12.0 s, its lease has run out (hang-x)",
  ]);
});
