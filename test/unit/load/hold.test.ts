import { describe, expect, test } from "vitest";
import { LatencyHistogram, prepareHistograms } from "../../../src/load/recorder/histogram.ts";
import { holds, simulate } from "./sim.ts";

/** HDR's rounding of one value: what a percentile that is exact comes out as. */
async function rounded(us: number): Promise<number> {
  await prepareHistograms();
  const histogram = new LatencyHistogram();
  histogram.record(us);
  histogram.record(us * 2);
  return histogram.atRank(1);
}

/**
 * A server that takes 1 ms and holds every answer for the last 1 s of each 10 s. Of 10 s at rate r, 9r requests take 1 ms, and the one
 * that is due x before the hold ends takes x + 1 ms, x = 1/r, 2/r, … 1 s. So rank 9r + j is j/r + 1 ms: p95 (j = r/2) is 501 ms, p99
 * (j = 9r/10) is 901 ms, max (j = r) is 1,001 ms. A closed loop would see one slow request in ten thousand.
 */
describe("a server that holds every answer for the last 1 s of each 10 s", () => {
  test.each([
    { ratePerSec: 100, seconds: 10 },
    { ratePerSec: 100, seconds: 40 },
    { ratePerSec: 500, seconds: 20 },
  ])("$ratePerSec/s for $seconds s: every percentile is what arithmetic says", async ({ ratePerSec, seconds }) => {
    const { recorder, windows } = await simulate({
      ratePerSec,
      durationUs: seconds * 1e6,
      behaviour: holds({ serviceUs: 1000, periodUs: 10e6, holdUs: 1e6 }),
    });
    const n = ratePerSec * seconds;
    expect(recorder.counts).toEqual({ scheduled: n, sent: n, completed: n, ok: n, errors: 0, dropped: 0, unfinished: 0 });
    const summary = recorder.response.summary();
    expect(summary).toMatchObject({
      min: 1000,
      p50: 1000,
      p90: 1000,
      p95: await rounded(501_000),
      p99: await rounded(901_000),
      p999: await rounded(991_000),
      max: 1_001_000,
    });
    expect(summary.mean).toBe(Math.round(1000 + 0.1 * (1e6 / 2 + 1e6 / ratePerSec / 2)));
    // Each exact value lies within HDR's 0.1 % of what is shown.
    for (const [shown, exact] of [[summary.p95, 501_000] as const, [summary.p99, 901_000] as const])
      expect(Math.abs(shown! - exact) / exact).toBeLessThan(0.001);
    expect(recorder.lag.summary().max).toBe(0);
    expect(windows.map((window) => window.second)).toEqual(Array.from({ length: seconds }, (_, second) => second));
    expect(windows[9]!.responseTimeUs.max).toBe(1_001_000);
    expect(windows[8]!.responseTimeUs.max).toBe(1000);
  });

  test("several workers: the same figures", async () => {
    const options = {
      ratePerSec: 100,
      durationUs: 10e6,
      behaviour: holds({ serviceUs: 1000, periodUs: 10e6, holdUs: 1e6 }),
    };
    const [one, four] = [await simulate(options), await simulate({ ...options, workers: 4 })];
    expect(four.recorder.response.summary()).toEqual(one.recorder.response.summary());
    expect(four.windows).toEqual(one.windows);
  });

  test("a late generator shows as lag and in the response time, never in the service time", async () => {
    // From 3 s to 4 s the generator is stopped.
    const { recorder } = await simulate({
      ratePerSec: 100,
      durationUs: 10e6,
      behaviour: holds({ serviceUs: 1000, periodUs: 1e12, holdUs: 0 }),
      pumpAtUs: (dueUs) => (dueUs >= 3e6 && dueUs < 4e6 ? 4e6 : dueUs),
    });
    expect(recorder.service.summary()).toMatchObject({ min: 1000, max: 1000 });
    expect(recorder.lag.summary()).toMatchObject({ p50: 0, max: 1_000_000 });
    expect(recorder.response.summary()).toMatchObject({ p50: 1000, max: 1_001_000 });
  });
});
