import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listRuns, openRun, pruneRuns, readRun, runIds, runsDir } from "../../../src/runs/index.ts";
import { rememberSecrets } from "../../../src/secrets.ts";
import { fakeRuntime } from "../../helpers/fake-runtime.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

function setUp() {
  const clock = new SimClock(Date.UTC(2026, 0, 31, 23, 59, 58));
  return { clock, runtime: fakeRuntime({ cwd: tempDir(), clock }) };
}

test("a run from its begin to its end, as another process reads it", async () => {
  const { runtime, clock } = setUp();
  const run = openRun(runtime, { command: "load", cluster: "prod", resume: "ragctl load --resume {id}" });
  expect(run.id).toMatch(/^20260131-235958-[0-9a-z]{4}$/);
  run.event({ kind: "load", name: "warm-up", phase: "start" });
  await clock.advance(1500);
  run.event({ kind: "load", name: "warm-up", phase: "end", detail: { sent: 3 } }, { durable: true });
  expect(readRun(runtime.stateDir, run.id).summary).toMatchObject({ state: "running", resume: `ragctl load --resume ${run.id}` });

  run.end({ exitCode: 4, state: "done", result: { verdict: "fail", counts: { sent: 3 } } });
  run.end({ exitCode: 0, state: "done" });
  const { summary, events, result } = readRun(runtime.stateDir, run.id);
  expect(summary).toMatchObject({ command: "load", cluster: "prod", state: "done", exitCode: 4, verdict: "fail" });
  expect(summary.endedAt! - summary.startedAt).toBe(1500);
  expect(summary).not.toHaveProperty("resume");
  expect(events.map(({ at, phase }) => [at - summary.startedAt, phase])).toEqual([
    [0, "start"],
    [1500, "end"],
  ]);
  expect(result).toEqual({ verdict: "fail", counts: { sent: 3 } });
  expect(readdirSync(run.dir).toSorted()).toEqual(["journal.ndjson", "result.json", "run.json"]);
});

test("a run whose process is gone is dead, and what it can resume is kept", () => {
  const { runtime } = setUp();
  const gone = spawnSync(process.execPath, ["-e", ""]).pid;
  const run = openRun({ ...runtime, pid: gone }, { command: "ingest", resume: "ragctl ingest --resume {id}" });
  expect(listRuns(runtime.stateDir, 10)).toMatchObject([{ id: run.id, state: "dead" }]);
  expect(pruneRuns(runtime.stateDir, Number.POSITIVE_INFINITY)).toEqual([]);
});

test("a pid that somebody else has now is dead too", () => {
  const { runtime } = setUp();
  const run = openRun(runtime, { command: "load" });
  const path = join(run.dir, "run.json");
  writeFileSync(path, readFileSync(path, "utf8").replace(/"processStart": ".*"/, '"processStart": "another boot/1"'));
  expect(listRuns(runtime.stateDir, 1)[0]).toMatchObject({ state: "dead" });
});

test("newest first, cut at the limit; broken directories are passed over", async () => {
  const { runtime, clock } = setUp();
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) {
    const run = openRun(runtime, { command: "smoke" });
    run.end({ exitCode: 0, state: "done" });
    ids.unshift(run.id);
    await clock.advance(60_000);
  }
  mkdirSync(join(runsDir(runtime.stateDir), "not-a-run"));
  mkdirSync(join(runsDir(runtime.stateDir), "20990101-000000-aaaa"));
  expect(listRuns(runtime.stateDir, 3).map(({ id }) => id)).toEqual(ids.slice(0, 3));
  expect(readRun(runtime.stateDir, ids[2]!.slice(-4)).summary.id).toBe(ids[2]);
  expect(() => readRun(runtime.stateDir, "2026")).toThrow(/5 runs match/);
  expect(() => readRun(runtime.stateDir, "nope")).toThrow(/no run "nope"/);
  // The youngest three began less than 150 s before the end.
  expect(pruneRuns(runtime.stateDir, clock.nowMs() - 200_000).toSorted()).toEqual(ids.slice(3).toSorted());
  expect(runIds(runtime.stateDir)).toHaveLength(4);
});

test("two runs of one second that draw the same tail get two directories", () => {
  const { runtime } = setUp();
  const draws = [0.5, 0.5, 0.5, 0.25];
  const same = { ...runtime, rng: () => draws.shift()! };
  expect(openRun(same, { command: "a" }).id).not.toBe(openRun(same, { command: "b" }).id);
});

test("half a last line, as a crash leaves it, is left out", () => {
  const { runtime } = setUp();
  const run = openRun(runtime, { command: "load" });
  run.event({ kind: "note", name: "whole", phase: "start" });
  appendFileSync(join(run.dir, "journal.ndjson"), '{"at":1,"kind":"no');
  expect(readRun(runtime.stateDir, "latest").events.map(({ name }) => name)).toEqual(["whole"]);
});

test("a state directory that cannot be is a sentence before anything starts", () => {
  const { runtime } = setUp();
  writeFileSync(join(runtime.cwd, "file"), "");
  expect(() => openRun({ ...runtime, stateDir: join(runtime.cwd, "file", "ragctl") }, { command: "load" })).toThrow(
    expect.objectContaining({ exitCode: 2, code: "state-dir-unwritable", hint: expect.stringContaining("XDG_STATE_HOME") }),
  );
});

test("a run whose directory is taken away ends with one warning, and its result is not lost", () => {
  const { runtime } = setUp();
  const warnings: string[] = [];
  const run = openRun(runtime, { command: "load", warn: (text) => warnings.push(text) });
  rmSync(run.dir, { recursive: true });
  run.end({ exitCode: 0, state: "done", result: { big: true } });
  run.event({ kind: "note", name: "late", phase: "end" });
  expect(warnings).toEqual([
    expect.stringMatching(/^the record of run .* could not be written \(it is gone\); the result below is whole$/),
  ]);
});

/** Runs a script under `ulimit -f 8`: a file that grows beyond 4 or 8 KiB is a full disk to it. */
function onFullDisk(script: string): string {
  const { stdout, stderr } = spawnSync(
    "bash",
    ["-c", `ulimit -f 8; exec "$0" --input-type=module -e "$1"`, process.execPath, script],
    {
      encoding: "utf8",
      env: { ...process.env, NODE_COMPILE_CACHE: "", NODE_DISABLE_COMPILE_CACHE: "1" },
    },
  );
  expect(stderr).toBe("");
  return stdout;
}

test.skipIf(process.platform === "win32")("a full disk: a durable event stops the run, any other is one warning", () => {
  const cwd = tempDir();
  const script = (durable: boolean) => `
    import { openRun } from ${JSON.stringify(new URL("../../../src/runs/index.ts", import.meta.url).href)};
    import { realClock } from ${JSON.stringify(new URL("../../../src/runtime.ts", import.meta.url).href)};
    const runtime = { pid: process.pid, env: {}, stateDir: ${JSON.stringify(cwd)}, clock: realClock, rng: Math.random };
    const said = [];
    const run = openRun(runtime, { command: "load", warn: (text) => said.push(text) });
    try {
      for (let i = 0; i < 100; i++)
        run.event({ kind: "note", name: "x".repeat(1000), phase: "start" }, { durable: ${durable} });
    } catch ({ exitCode, code, message }) {
      said.push(exitCode, code, message);
    }
    console.log(JSON.stringify(said));`;
  expect(JSON.parse(onFullDisk(script(false)))).toEqual([expect.stringMatching(/^the journal of run .* could not be written/)]);
  expect(JSON.parse(onFullDisk(script(true)))).toEqual([
    5,
    "journal-failed",
    expect.stringMatching(/^the journal of run .* could not be written to disk: .*; stopped before the next step$/),
  ]);
});

test("secrets that the runtime has met are in no file of a run", () => {
  const { runtime } = setUp();
  const secret = 'pa"ss\\word-1';
  rememberSecrets(runtime, [secret]);
  const run = openRun(runtime, { command: "load", resume: `ragctl load --header X:${secret}` });
  run.event({ kind: "note", name: secret, phase: "start", detail: { nested: [`http://u:${secret}@h`] } });
  run.end({ exitCode: 0, state: "done", result: { said: secret } });
  for (const file of readdirSync(run.dir)) {
    const text = readFileSync(join(run.dir, file), "utf8");
    expect(text).not.toContain("word-1");
    for (const line of text.split("\n").filter((each) => file.endsWith("ndjson") && each)) JSON.parse(line);
  }
  expect(readRun(runtime.stateDir, run.id).result).toEqual({ said: "***" });
});
