import { expect, test } from "vitest";
import { compareRuns, parseMaxRegression, type RunSeries } from "../../../src/load/compare/index.ts";
import { compareMarkdown, compareReport } from "../../../src/report/load-compare.ts";
import { makeStyle } from "../../../src/report/style.ts";
import { seededRng } from "../../../src/runtime.ts";
import { autoregressive, simulateQueue } from "../../helpers/sim-queue.ts";

const plain = makeStyle({ color: false, columns: 80 });

function run(name: string, slowdown: number, seed: number, more: Partial<RunSeries> = {}): RunSeries {
  const queue = simulateQueue({
    samples: 4000,
    ratePerSec: 200,
    meanMs: 1.5 * slowdown,
    service: autoregressive(0.25, 0.7),
    rng: seededRng(seed),
  });
  return { ...queue, name, targetPerSec: 200, conditions: { dataset: "cranfield", k: 10 }, ...more };
}

test("worse", () => {
  const result = compareRuns(run("main.json", 1, 1), run("branch.json", 1.15, 2), {
    maxRegression: parseMaxRegression(["p50=50%"]),
  });
  const text = compareReport(result, plain);
  expect(text).toMatchInlineSnapshot(`
    "worse: body, p50, p90, p95, p99 · a regression

    A  main.json · 200/s wanted · 20.0 s · 3,981 operations · 20 windows of 1.00 s
    B  branch.json · 200/s wanted · 20.0 s · 4,039 operations · 20 windows of 1.00 s

                  A        B  change  interval         verdict
    body    1.26 ms  1.46 ms   +16 %  +12 % … +21 %    worse
    p50     1.59 ms  1.84 ms   +16 %  +10 % … +21 %    worse, within 50.0 %
    p90     3.01 ms  3.61 ms   +20 %  +6.1 % … +36 %   worse
    p95     3.72 ms  4.54 ms   +22 %  +6.8 % … +40 %   worse
    p99     5.18 ms  7.30 ms   +41 %  +15 % … +73 %    worse
    p99.9   8.04 ms  10.5 ms                           not comparable
    errors      0 %      0 %                           no difference
    rate      199/s    202/s  +1.5 %  -3.8 % … +7.0 %  no difference
    body: geometric mean of the faster half. Failures rank as infinitely slow.
    p99.9 needs 10000 operations in each run, the smaller has 3981
    False alarms, over all metrics: at most 5.00 % of comparisons."
  `);
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(compareMarkdown(result)).toMatchInlineSnapshot(`
    "### ❌ Load comparison: worse: body, p50, p90, p95, p99 · a regression

    - **A** main.json · 200/s wanted · 20.0 s · 3,981 operations · 20 windows of 1.00 s
    - **B** branch.json · 200/s wanted · 20.0 s · 4,039 operations · 20 windows of 1.00 s

    | metric | A | B | change | interval | verdict |
    | --- | ---: | ---: | ---: | --- | --- |
    | body | 1.26 ms | 1.46 ms | +16 % | +12 % … +21 % | **worse** |
    | p50 | 1.59 ms | 1.84 ms | +16 % | +10 % … +21 % | worse, within 50.0 % |
    | p90 | 3.01 ms | 3.61 ms | +20 % | +6.1 % … +36 % | **worse** |
    | p95 | 3.72 ms | 4.54 ms | +22 % | +6.8 % … +40 % | **worse** |
    | p99 | 5.18 ms | 7.30 ms | +41 % | +15 % … +73 % | **worse** |
    | p99.9 | 8.04 ms | 10.5 ms |  |  | not comparable |
    | errors | 0 % | 0 % |  |  | no difference |
    | rate | 199/s | 202/s | +1.5 % | -3.8 % … +7.0 % | no difference |

    <sub>body: geometric mean of the faster half. Failures rank as infinitely slow.</sub>  
    <sub>p99.9 needs 10000 operations in each run, the smaller has 3981</sub>  
    <sub>False alarms, over all metrics: at most 5.00 % of comparisons.</sub>  
    "
  `);
});

test("no difference", () => {
  const text = compareReport(compareRuns(run("a.json", 1, 1), run("b.json", 1, 3)), plain);
  expect(text.split("\n")[0]).toBe("no difference");
});

test("not comparable", () => {
  const result = compareRuns(run("a.json", 1, 1), run("b|c.json", 1, 3, { conditions: { dataset: "msmarco", k: 20 } }));
  expect(compareReport(result, plain)).toMatchInlineSnapshot(`
    "not comparable
      other dataset: cranfield and msmarco
      other k: 10 and 20

    A  a.json · 200/s wanted · 20.0 s · 3,981 operations · 20 windows of 1.00 s
    B  b|c.json · 200/s wanted · 20.0 s · 3,917 operations · 20 windows of 1.00 s

                  A        B  change  interval  verdict
    body    1.26 ms  1.26 ms                    not comparable
    p50     1.59 ms  1.62 ms                    not comparable
    p90     3.01 ms  2.92 ms                    not comparable
    p95     3.72 ms  3.54 ms                    not comparable
    p99     5.18 ms  4.74 ms                    not comparable
    p99.9   8.04 ms  9.86 ms                    not comparable
    errors      0 %      0 %                    not comparable
    rate      199/s    196/s                    not comparable"
  `);
  expect(compareMarkdown(result)).toContain("b\\|c.json");
});
