import { expect, test } from "vitest";
import { findCapacity } from "../../../../src/load/capacity/index.ts";
import { prepareHistograms } from "../../../../src/load/recorder/histogram.ts";
import { Measurement } from "../../../../src/load/measurement.ts";
import { decideVerdict } from "../../../../src/load/verdict.ts";
import type { LoadResult } from "../../../../src/load/result.ts";
import { parseThreshold } from "../../../../src/load/thresholds.ts";

const slos = ["p99<100ms", "errors<0.1%"];

/** A load run on simulated time against a server with so many slots, each of which takes so long: first come, first served. Beyond `mostPerSec` the generator drops. */
async function simulated(
  ratePerSec: number,
  server: { slots: number; serviceUs: number },
  mostPerSec = Infinity,
): Promise<LoadResult> {
  const durationUs = 4e6;
  const gapUs = 1e6 / ratePerSec;
  const total = Math.floor(durationUs / gapUs);
  const measurement = new Measurement({
    scenarios: [{ name: "http", operation: "http" }],
    durationUs,
    timeoutUs: 5e6,
    dueBefore: (offsetUs) => Math.min(total, Math.ceil(offsetUs / gapUs - 1e-9)),
    thresholds: slos.map((expression) => parseThreshold({ expression, source: "flag" })),
  });
  const freeUs = new Float64Array(server.slots);
  const sink = measurement.sink(0);
  for (let i = 0; i < total; i++) {
    const dueUs = i * gapUs;
    const window = Math.floor(dueUs / 100_000);
    const share = Math.min(1, mostPerSec / ratePerSec);
    if (share < 1 && Math.floor(i * share) === Math.floor((i - 1) * share)) {
      sink.dropped(window, "late");
      continue;
    }
    const slot = freeUs.indexOf(Math.min(...freeUs));
    const endUs = Math.max(dueUs, freeUs[slot]!) + server.serviceUs;
    freeUs[slot] = endUs;
    sink.settled({ window, cause: undefined, responseUs: endUs - dueUs, serviceUs: endUs - dueUs, lagUs: 0 });
  }
  const { result, thresholds } = measurement.end();
  const { droppedByCause } = measurement.recorder;
  const verdict = decideVerdict({ counts: result.counts, droppedByCause, thresholds, scheduleLagP99Us: 0 });
  await measurement.destroy();
  return {
    ...result,
    ...verdict,
    interrupted: false,
    thresholds: thresholds.map((each) => each.result),
    rates: { targetPerSec: ratePerSec, sentPerSec: ratePerSec, completedPerSec: result.counts.ok / (durationUs / 1e6) },
    generator: { colocated: false },
  } as unknown as LoadResult;
}

const options = {
  minPerSec: 100,
  maxPerSec: undefined,
  repeats: 3,
  resolution: 0.03,
  holdMs: 4000,
  warmupMs: 0,
  slos,
  target: "a simulated server",
};

test("a server that takes 1 ms and has 8 slots: 8,000 a second, by arithmetic and within 5 %", async () => {
  await prepareHistograms();
  const result = await findCapacity(options, { probe: (rate) => simulated(rate, { slots: 8, serviceUs: 1000 }) });
  expect(Math.abs(result.ratePerSec! / 8000 - 1)).toBeLessThan(0.05);
  expect(result).toMatchObject({ confirmed: true, generatorBound: false, interrupted: false, firstBroken: "p99<100ms" });
  expect(result.interval.lowPerSec).toBeLessThanOrEqual(result.ratePerSec!);
  expect(result.interval.highPerSec).toBeGreaterThan(result.ratePerSec!);
  expect(result.interval.highPerSec! / result.ratePerSec!).toBeLessThanOrEqual(1.031);
});

test("a generator that makes 3,000 a second at most: the answer says that it is the generator's", async () => {
  await prepareHistograms();
  const result = await findCapacity(options, { probe: (rate) => simulated(rate, { slots: 8, serviceUs: 1000 }, 3000) });
  expect(result).toMatchObject({ generatorBound: true, firstBroken: null });
  expect(result.generatorReason).toMatch(/the generator sent only/);
  expect(Math.abs(result.ratePerSec! / 3000 - 1)).toBeLessThan(0.05);
});

test("interrupted: what is known by then", async () => {
  await prepareHistograms();
  const stop = new AbortController();
  const result = await findCapacity(options, {
    signal: stop.signal,
    probe: (rate) => simulated(rate, { slots: 8, serviceUs: 1000 }),
    onProbe: (_, done) => {
      if (done.length === 4) stop.abort();
    },
  });
  expect(result).toMatchObject({ interrupted: true, confirmed: false, ratePerSec: 800 });
  expect(result.probes).toHaveLength(4);
});
