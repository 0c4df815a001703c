import { expect, test } from "vitest";
import type { RebalancePlanResult } from "../../../src/rebalance/plan/result.ts";
import { rebalancePlanReport } from "../../../src/report/rebalance-plan.ts";
import { makeStyle } from "../../../src/report/style.ts";

const balance = { nodes: ["n1", "n2"].map((id) => ({ id, share: 0.5, points: 1_000, bytes: 1_000_000 })), maxOverMean: 1 };
const plan: RebalancePlanResult = {
  planId: "plan-20260101-000000-test",
  createdAt: "2026-01-01T00:00:00.000Z",
  cluster: "local",
  collection: "documents-of-the-help-centre",
  fingerprint: "",
  from: "ring of 150 virtual nodes a node, xxh32",
  to: "8 cells of model 0123456789ab, placed by size",
  probes: 3,
  changes: true,
  beside: "documents-of-the-help-centre@20260101-000000-test",
  backfill: 0,
  groups: [],
  copies: null,
  points: 2_000,
  bytes: 2_000_000,
  movedFraction: 1,
  minimumFraction: 0.1,
  estimatedSeconds: 6,
  before: balance,
  after: balance,
  expected: null,
  reverses: null,
  notes: [],
  file: null,
};

test("a plan of a second collection says which in 80 columns", () => {
  const text = rebalancePlanReport(plan, makeStyle({ color: false, columns: 80 }));
  expect(text.split("\n")[0]).toBe("copies everything into a second collection, and switches to it once");
  expect(text).toContain(`in     ${plan.beside}, on the same nodes`);
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
});
