import { expect, test } from "vitest";
import type { LoadResult } from "../../../../src/load/result.ts";
import { latencyLimits } from "../../../../src/report/html/section-thresholds.ts";
import { sampleRun } from "../../../helpers/load-result.ts";

const { result } = sampleRun({ seconds: 3, ratePerSec: 10, fault: false });

function names(expressions: readonly string[], perScenario: LoadResult["perScenario"] = []): [string, number][] {
  const thresholds = expressions.map((expression) => ({ ...result.thresholds[0]!, expression }));
  return latencyLimits({ ...result, thresholds, perScenario }).map(({ name, q }) => [name, q]);
}

test("limits of whole-run response time are drawn, whoever wrote them and however; those of other times are not", () => {
  expect(
    names(["p99<10ms", "max<1s", "search.responseTime: p99.9<=250ms", "freshness: p95<2s", "timeToFirstToken: p99<1s"]),
  ).toEqual([
    ["p99<10ms", 0.99],
    ["max<1s", 1],
    ["search.responseTime: p99.9<=250ms", 0.999],
  ]);
});

test("a limit of one scenario is not drawn across all of them", () => {
  const scenario = { ...result, name: "search", operation: "search" };
  expect(names(["search.responseTime: p99<10ms", "responseTime: p99<20ms"], [scenario])).toEqual([
    ["responseTime: p99<20ms", 0.99],
  ]);
});
