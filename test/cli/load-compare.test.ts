import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { loadResultSchema, type LoadResult } from "../../src/load/result.ts";
import { Measurement } from "../../src/load/measurement.ts";
import { prepareHistograms } from "../../src/load/recorder/histogram.ts";
import { openRun } from "../../src/runs/index.ts";
import { seededRng } from "../../src/runtime.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { normal } from "../helpers/sim-queue.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** What a run of 10 s at 300/s leaves: answers take about so many ms. */
async function stored(meanMs: number, seed: number, more: Partial<LoadResult["spec"]> = {}): Promise<LoadResult> {
  const rng = seededRng(seed);
  const measurement = new Measurement({
    scenarios: [{ name: "http", operation: "http" }],
    durationUs: 10e6,
    timeoutUs: 5e6,
    dueBefore: (offsetUs) => Math.ceil((offsetUs * 300) / 1e6),
    thresholds: [],
  });
  const sink = measurement.sink(0);
  for (let i = 0; i < 3000; i++) {
    const us = meanMs * 1000 * (1 + 0.1 * normal(rng));
    sink.settled({ window: Math.floor(i / 30), cause: undefined, responseUs: us, serviceUs: us, lagUs: 3 });
  }
  const { result } = measurement.end();
  await measurement.destroy();
  const spec = { executor: "constant-arrival-rate", ratePerSec: 300, warmupMs: 0, durationMs: 10_000, timeoutMs: 5000 };
  return loadResultSchema.parse({
    ...result,
    verdict: "pass",
    reasons: [],
    interrupted: false,
    abortedBy: null,
    target: { kind: "http", url: "http://127.0.0.1:1/search", method: "GET", bodyBytes: 0 },
    spec: { ...spec, maxInFlight: 1000, workers: 1, seed: 1, ...more },
    scenarios: [
      {
        name: "http",
        tags: {},
        operation: "http",
        executor: "constant-arrival-rate",
        startMs: 0,
        durationMs: 10_000,
        ratePerSec: 300,
      },
    ],
    startedAt: "2026-01-01T00:00:00.000Z",
    elapsedMs: 10_000,
    rates: { targetPerSec: 300, sentPerSec: 300, completedPerSec: 300 },
    thresholds: [],
    audit: [],
    events: [],
    generator: { colocated: true, cores: 2, node: "26.0.0", platform: "linux", workers: [], pacer: null },
  });
}

let files: Record<string, string>;
beforeAll(async () => {
  await prepareHistograms();
  const [a, again, slow, faster] = await Promise.all([
    stored(5, 1),
    stored(5, 2),
    stored(5.5, 3),
    stored(5, 4, { ratePerSec: 400 }),
  ]);
  files = {
    "a.json": JSON.stringify(a),
    "again.json": JSON.stringify({ schemaVersion: 1, command: "load", result: again }),
    "slow.json": JSON.stringify(slow),
    "faster.json": JSON.stringify(faster),
    "cut.json": JSON.stringify(a).slice(0, 5000),
    "other.json": '{"verdict": "pass"}',
  };
  const bare = {
    ...a,
    windows: a.windows.map((window) => Object.assign({}, window, { responseHistogram: undefined })),
    series: undefined,
  };
  files["bare.json"] = JSON.stringify(bare);
});

const compare = (cwd: string, ...args: string[]) => runCli(["load", "compare", "--json", ...args], { cwd });

test("the same server twice: no difference, exit 0, and what is printed is what the schema says", async () => {
  const cwd = tempDir(files);
  const { exitCode, json } = await compare(cwd, "a.json", "again.json");
  expect(exitCode).toBe(0);
  expect(json().result).toMatchObject({
    verdict: "no difference",
    regression: false,
    a: { operations: 3000, windows: 100, windowMs: 100 },
  });
  expect(schemaProblems("load compare", json())).toEqual([]);
});

test("10 % slower: worse, exit 4, and a comment for the pull request; but 0 where that much is let pass", async () => {
  const cwd = tempDir(files);
  const { exitCode, json } = await compare(cwd, "a.json", "slow.json", "--markdown", "comment.md");
  expect(exitCode).toBe(4);
  expect(json().result).toMatchObject({ verdict: "worse", regression: true });
  expect(readFileSync(join(cwd, "comment.md"), "utf8")).toMatch(/^### ❌ Load comparison: worse/);
  expect((await compare(cwd, "a.json", "slow.json", "--max-regression", "20%")).exitCode).toBe(0);
});

test("another rate: not comparable, exit 6, and why; a run's id does as well as a file", async () => {
  const cwd = tempDir(files);
  const { exitCode, json } = await compare(cwd, "a.json", "faster.json");
  expect(exitCode).toBe(6);
  expect(json().result).toMatchObject({ verdict: "not comparable", reasons: ["other target rate: 300/s and 400/s"] });
  const runtime = fakeRuntime({ cwd });
  openRun(runtime, { command: "load" }).end({
    exitCode: 0,
    state: "done",
    result: JSON.parse(readFileSync(join(cwd, "again.json"), "utf8")).result,
  });
  expect((await compare(cwd, "a.json", "latest")).json().result).toMatchObject({ verdict: "no difference" });
});

test("files that are none: exit 2, each with its reason", async () => {
  const cwd = tempDir(files);
  const { exitCode, json } = await compare(cwd, "cut.json", "missing.json");
  expect(exitCode).toBe(2);
  expect(json().error.message).toMatch(/cut\.json: is not JSON, or was cut short[\s\S]*missing\.json: there is no such file/);
  const second = await compare(cwd, "other.json", "bare.json");
  expect(second.exitCode).toBe(2);
  expect(second.json().error.message).toMatch(/other\.json: is not the result of a load run[\s\S]*bare\.json: has no histograms/);
  expect((await compare(cwd, "a.json", "again.json", "--max-regression", "p98=5%")).exitCode).toBe(2);
});
