/**
 * Memory of a long run: what counts its operations is given millions of samples, as workers send them, and must not grow with them.
 *
 *   node --expose-gc bench/load-memory.ts [--operations 10000000] [--rate 40000]
 *
 * Prints the resident size beyond that of the first 100,000 operations; exits 1 above 20 MB.
 */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Measurement } from "../src/load/measurement.ts";
import { prepareHistograms } from "../src/load/recorder/histogram.ts";
import { SampleReader, SampleWriter } from "../src/load/recorder/samples.ts";
import { parseThreshold } from "../src/load/thresholds.ts";
import { seededRng } from "../src/runtime.ts";

const { values } = parseArgs({
  options: { operations: { type: "string", default: "10000000" }, rate: { type: "string", default: "40000" } },
});
const operations = Number(values.operations);
const ratePerSec = Number(values.rate);
const allowedMb = 20;

await prepareHistograms();
const file = join(tmpdir(), `ragctl-memory-${process.pid}.ndjson`);
const threshold = (expression: string, windowUs?: number) =>
  parseThreshold({ expression, source: "flag", ...(windowUs !== undefined && { windowUs }) });
const measurement = new Measurement({
  scenarios: [
    { name: "reads", operation: "search" },
    { name: "writes", operation: "upsert" },
  ],
  durationUs: (operations / ratePerSec) * 1e6,
  timeoutUs: 5e6,
  dueBefore: (offsetUs) => Math.min(operations, Math.ceil((offsetUs * ratePerSec) / 1e6)),
  thresholds: [threshold("p99<1s"), threshold("p99<1s", 10e6), threshold("recall@10>0.5")],
  windowsFile: file,
});
const writers = [0, 1].map((scenario) => {
  const reader = new SampleReader(measurement.sink(scenario));
  const writer: SampleWriter = new SampleWriter((chunk) => {
    reader.read(chunk);
    writer.recycle(chunk.records);
  });
  return writer;
});
const rng = seededRng(1);
const residentMb = async () => {
  globalThis.gc?.();
  // What was collected is given back by a thread of its own.
  await delay(50);
  return process.memoryUsage().rss / 2 ** 20;
};

const startedUs = process.hrtime.bigint();
let firstMb = 0;
let mostMb = 0;
for (let i = 0; i < operations; i++) {
  const writer = writers[i % 10 === 0 ? 1 : 0]!;
  const window = Math.floor((i * 10) / ratePerSec);
  const responseUs = Math.round(500 * Math.exp(rng() * 5));
  writer.request(window, { node: `n${i % 3}`, sentUs: 0, endUs: responseUs - 10, outcome: "ok" });
  if (i % 20 === 1) writer.measured(window, "recall@10", (i % 11) / 10);
  writer.settled({ window, cause: i % 500 === 0 ? "timeout" : undefined, responseUs, serviceUs: responseUs - 5, lagUs: i % 40 });
  // The stream to the disk gets its turn, as it does between the messages of workers.
  if (i % 20_000 === 0) await turn();
  if (i === 100_000) firstMb = await residentMb();
  if (i % 500_000 === 0 && i > 0) mostMb = Math.max(mostMb, await residentMb());
}
for (const writer of writers) writer.flush();
const seconds = Number(process.hrtime.bigint() - startedUs) / 1e9;
mostMb = Math.max(mostMb, await residentMb());
const { result } = measurement.end();
await measurement.destroy();
console.log(
  `${result.counts.scheduled} operations, ${result.windows.length} windows (${(statSync(file).size / 2 ** 20).toFixed(1)} MB on disk), ${Math.round(operations / seconds)} counted a second`,
);
console.log(
  `resident: ${firstMb.toFixed(1)} MB after 100,000, at most ${(mostMb - firstMb).toFixed(1)} MB more after that (allowed: ${allowedMb})`,
);
rmSync(file);
process.exitCode = mostMb - firstMb > allowedMb ? 1 : 0;
