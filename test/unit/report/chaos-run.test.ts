import { expect, test } from "vitest";
import { chaosRunSchema, type ExperimentPlan } from "../../../src/experiments/result.ts";
import { chaosRunReport } from "../../../src/report/chaos-run.ts";
import { chaosRunJunit } from "../../../src/report/chaos-run-junit.ts";
import { chaosRunMarkdown } from "../../../src/report/chaos-run-markdown.ts";
import { columnsOf, sparkline } from "../../../src/report/sparkline.ts";
import { makeStyle } from "../../../src/report/style.ts";
import { formatAvailability } from "../../../src/units.ts";
import { sampleExperiment } from "../../helpers/experiment-result.ts";

const style = makeStyle({ color: false, columns: 80 });

test("an experiment for people: the verdict, what it cost, when it happened, in 80 columns", () => {
  const { experiment } = sampleExperiment();
  expect(chaosRunSchema.safeParse(experiment).error).toBeUndefined();
  const text = chaosRunReport(experiment, style);
  expect(text).toMatchInlineSnapshot(`
    "fail · experiment gray-failure on local, 60.0 s
    one node hangs under load
      recover<5s was not met: it was 6.80 s

    steady state  held before, held after
                  errors: rate<1%
                  recall@10: mean>0.9
    availability  95.8 % of 7,760 operations from the first fault on
    took          1.50 s to detect · no fail-over · 6.80 s to recover (RTO)
    after healing 0 s to recover
    writes        1,200 acknowledged · 1 lost · 0 doubled · 2 stale (RPO)
    objectives    not met recover<5s
                  met availability>95%
                  met lost<=1

    hang q2       ···················▓▓▓▓▓▓▓▓▓▓▓▓·······················
    availability  ███████████████████▁▃▂▃▃▂▂▂▁▃▁████████████████████████ ≥ 87 %
    p99           ▂▂▂▂▁▁▂▁▂▂▁▁▁▂▁▂▁▂▁▇█▇█▇▇▇█▇█▆▂▁▁▁▂▁▁▁▁▁▂▁▁▁▁▂▁▁▁▂▂▂▁▂ ≤ 102 ms
                  0 s                                             60.0 s

            operations  available      p50      p99  recall  thresholds
    before       4,240      100 %  2.20 ms  6.40 ms   0.988  held
    during       2,440     90.0 %  2.20 ms  61.0 ms   0.910  errors: rate<1%
    after        5,320   99.980 %  2.20 ms  6.40 ms   0.988  held

        at  step                    lasted  detect  fail over  recover
    21.0 s  hang q2        done     12.2 s  1.50 s          -   6.80 s
    21.2 s  wait           done     5.00 s
            ragctl status  skipped

    requests by node, and what breakers did
    node  before  during   after  opened  open for  stale for  hedged
    q1    33.3 %  50.0 %  33.3 %       -         -          -       -
    q2    33.3 %     0 %  33.3 %      1×    12.3 s     14.0 s      31
    q3    33.3 %  50.0 %  33.3 %       -         -          -       -"
  `);
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
});

test("one that never began says why, and nothing that was not measured", () => {
  const { experiment } = sampleExperiment();
  const text = chaosRunReport(
    {
      ...experiment,
      reasons: ["there was no steady state to begin with, so nothing was broken"],
      steadyState: { ...experiment.steadyState, before: "failed", after: "unknown" },
      detectMs: null,
      failoverMs: null,
      recoverMs: null,
      writes: null,
      objectives: [],
      phases: experiment.phases.slice(0, 1),
      steps: experiment.steps.map(({ name, kind }) => ({ name, kind, startMs: null, endMs: null, outcome: "skipped" as const })),
    },
    style,
  );
  expect(text).toContain("failed before, unknown after");
  expect(text).not.toContain("RTO");
  expect(text).toContain("not checked");
});

test("the plan of one: times, whom it would hit, and what stands against it", () => {
  const plan: ExperimentPlan = {
    dryRun: true,
    experiment: { name: "kill-one", file: "x.yaml", seed: 1 },
    cluster: "local",
    load: [{ scenario: "search", operation: "search", executor: "ramping-arrival-rate", ratePerSec: 100, peakPerSec: 200 }],
    thresholds: ["errors: rate<1%"],
    objectives: ["recover<15s"],
    beforeMs: 10_000,
    methodMs: 40_000,
    exact: false,
    recoverWithinMs: 30_000,
    steps: [
      {
        name: "kill-node n1",
        kind: "fault",
        atMs: 0,
        exact: true,
        lengthMs: 10_000,
        nodes: ["n1"],
        radius: {
          fault: "kill-node",
          cluster: "local",
          topology: "routed",
          nodes: ["n1"],
          impact: "silences",
          touched: { nodes: 1, of: 3, allowed: 1 },
          down: [],
          collections: [
            {
              collection: "docs",
              needed: 1,
              affected: { share: 0.66 },
              unserved: { share: 0.1 },
              lastOwners: ["n1"],
              reads: [],
              queries: { asking: 0.5, failing: 0.1 },
            },
          ],
          refusals: [{ code: "last-replica", message: "without n1, 10.0 % of docs would have no serving owner" }],
        },
      },
      { name: "wait until serving", kind: "until", atMs: 0, exact: true, lengthMs: 30_000 },
      { name: "wait", kind: "wait", atMs: 30_000, exact: false, lengthMs: 10_000 },
    ],
  };
  expect(chaosRunSchema.safeParse(plan).error).toBeUndefined();
  expect(chaosRunReport(plan, style)).toMatchInlineSnapshot(`
    "kill-one on local: nothing was touched

    load          search: search, 100/s up to 200/s
    steady state  errors: rate<1%, for 10.0 s
    method        at most 40.0 s, then recovery within 30.0 s
    objectives    recover<15s

          at  step                     for  nodes  hashes  searches  unserved
         0 s  kill-node n1          10.0 s  n1     66.0 %    50.0 %    10.0 %
         0 s  wait until serving  ≤ 30.0 s
    ≥ 30.0 s  wait                  10.0 s

    kill-node n1: without n1, 10.0 % of docs would have no serving owner"
  `);
});

test("for CI: the verdict, the steady state, objectives and steps are cases", () => {
  const xml = chaosRunJunit(sampleExperiment().experiment);
  expect(xml).toContain('tests="9" failures="2" errors="0" skipped="1"');
  expect(xml).toMatch(/<testcase classname="chaos.objectives" name="recover&lt;5s"[^>]*>\s*<failure message="it was 6.80 s">/);
});

test("for a pull request", () => {
  expect(chaosRunMarkdown(sampleExperiment().experiment)).toMatchInlineSnapshot(`
    "### ❌ fail · experiment gray-failure on local

    one node hangs under load

    - recover&lt;5s was not met: it was 6.80 s

    | availability | detect | fail over | recover (RTO) | acknowledged | lost (RPO) | doubled | stale |
    | --: | --: | --: | --: | --: | --: | --: | --: |
    | 95.8 % | 1.50 s | never | 6.80 s | 1,200 | 1 | 0 | 2 |

    |  | objective |
    | --- | --- |
    | ❌ | recover&lt;5s |
    | ✅ | availability>95% |
    | ✅ | lost&lt;=1 |

    |  | operations | available | p50 | p99 | recall |
    | --- | --: | --: | --: | --: | --: |
    | before | 4,240 | 100 % | 2.20 ms | 6.40 ms | 0.9880 |
    | during | 2,440 | 90.0 % | 2.20 ms | 61.0 ms | 0.9100 |
    | after | 5,320 | 99.980 % | 2.20 ms | 6.40 ms | 0.9880 |

    | at | step | outcome | detect | fail over | recover |
    | --: | --- | --- | --: | --: | --: |
    | 21.0 s | hang q2 | done | 1.50 s | never | 6.80 s |
    | 21.2 s | wait | done |  |  |  |
    |  | ragctl status | skipped |  |  |  |
    "
  `);
});

test.each([
  [1, "100 %"],
  [0.999_84, "99.984 %"],
  [0.9999, "99.9900 %"],
  [0.95, "95.0 %"],
  [0.5, "50 %"],
  [0, "0 %"],
])("availability %d is %s", (share, text) => expect(formatAvailability(share)).toBe(text));

test("a sparkline over a range of its own, and columns that hold the worst of their stretch", () => {
  expect(sparkline([0, 0.5, 1, null, 2], [0, 1])).toBe("▁▅█ █");
  expect(sparkline([3, 3])).toBe("▁▁");
  expect(columnsOf([1, 5, 2, 3], 2, (stretch) => Math.max(...stretch))).toEqual([5, 3]);
  expect(columnsOf([1, 5], 10, (stretch) => Math.max(...stretch))).toEqual([1, 5]);
});
