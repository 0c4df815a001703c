import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { openRun } from "../../src/runs/index.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { SimClock } from "../helpers/sim-clock.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test("no runs yet", async () => {
  const { stdout, exitCode } = await runCli(["runs"], { cwd: tempDir() });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^no runs in .*ragctl\/runs\n$/);
});

test("what ran, what died, and how to go on; then one of them", async () => {
  const clock = new SimClock(Date.UTC(2026, 0, 31, 12));
  const cwd = tempDir();
  const runtime = fakeRuntime({ cwd, clock });
  const good = openRun(runtime, { command: "load", cluster: "prod" });
  good.event({ kind: "load", name: "run", phase: "start", detail: { rps: 500 } });
  await clock.advance(10_500);
  good.event({ kind: "load", name: "run", phase: "end" });
  good.end({ exitCode: 4, state: "done", result: { verdict: "fail" } });
  const gone = spawnSync(process.execPath, ["-e", ""]).pid;
  const dead = openRun(
    { ...runtime, pid: gone },
    { command: "ingest", cluster: "a-cluster-with-quite-a-name", resume: "ragctl ingest --resume {id}" },
  );
  await clock.advance(3_600_000);

  const list = await runCli(["runs"], { cwd, clock });
  expect(list.stdout.replaceAll(dead.id, "{dead............}").replaceAll(good.id, "{good............}")).toMatchInlineSnapshot(`
    "run                   command  cluster                      outcome            began    took
    {dead............}  ingest   a-cluster-with-quite-a-name  dead, resumable  1 h ago       ?
    {good............}  load     prod                         fail             1 h ago  10.5 s
    "
  `);
  expect(list.stderr).toBe(`next: ragctl ingest --resume ${dead.id}\n`);
  // Piped it is whole; on a terminal it fits.
  const shown = await runCli(["runs", "--no-color"], { cwd, clock, isTTY: true });
  for (const line of shown.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);

  const one = await runCli(["runs", good.id], { cwd, clock });
  expect(one.stdout.replaceAll(good.id, "{good}").replaceAll(cwd, "{cwd}")).toMatchInlineSnapshot(`
    "run      {good}
    command  load
    cluster  prod
    outcome  fail
    began    2026-01-31T12:00:00.000Z
    took     10.5 s
    files    {cwd}/.state/ragctl/runs/{good}

         at  kind  name  phase  detail
      +0 µs  load  run   start  {"rps":500}
    +10.5 s  load  run   end
    "
  `);
  expect((await runCli(["runs", good.id, "--json"], { cwd, clock })).json().result.run).toMatchObject({
    verdict: "fail",
    exitCode: 4,
    result: { verdict: "fail" },
    events: [{ phase: "start" }, { phase: "end" }],
  });
  expect((await runCli(["runs", "nope"], { cwd, clock })).exitCode).toBe(2);
  expect((await runCli(["runs", "--prune-older-than", "10m", "--json"], { cwd, clock })).json().result).toMatchObject({
    pruned: [good.id],
    runs: [{ id: dead.id, state: "dead" }],
  });
});
