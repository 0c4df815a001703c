import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { takeExperimentLock } from "../../../../src/faults/guard/lock.ts";
import { fakeRuntime } from "../../../helpers/fake-runtime.ts";
import { deadOwner, self, temporaryDir } from "../helpers.ts";
import { clusterOf } from "./helpers.ts";

const locksOf = (stateDir: string) => readdirSync(join(stateDir, "locks"));

test("a second experiment on the cluster is refused, and another cluster's is not", () => {
  const runtime = fakeRuntime({ cwd: temporaryDir() });
  const lock = takeExperimentLock(clusterOf(3), "chaos kill-node", runtime);
  expect(() => takeExperimentLock(clusterOf(3), "chaos hang", runtime)).toThrow(
    expect.objectContaining({
      exitCode: 7,
      code: "experiment-running",
      message: expect.stringContaining(`chaos kill-node (pid ${self.pid})`),
    }),
  );
  // The same name in another directory is another cluster.
  const elsewhere = clusterOf(3, { source: { kind: "local", file: "/elsewhere/.ragctl/cluster.json" } });
  takeExperimentLock(elsewhere, "chaos hang", runtime).release();
  lock.release();
  takeExperimentLock(clusterOf(3), "chaos hang", runtime).release();
  expect(locksOf(runtime.stateDir)).toEqual([]);
});

test("the lock of a dead owner is taken over, and one that says nothing too", () => {
  const runtime = fakeRuntime({ cwd: temporaryDir() });
  const probe = takeExperimentLock(clusterOf(3), "chaos hang", runtime);
  const [name] = locksOf(runtime.stateDir);
  probe.release();
  for (const text of [JSON.stringify({ owner: deadOwner, command: "chaos hang", sinceMs: 0 }), "torn"]) {
    mkdirSync(join(runtime.stateDir, "locks"), { recursive: true });
    writeFileSync(join(runtime.stateDir, "locks", name!), text);
    takeExperimentLock(clusterOf(3), "chaos hang", runtime).release();
  }
});

test("another process that lives holds it", async () => {
  const runtime = fakeRuntime({ cwd: temporaryDir() });
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  takeExperimentLock(clusterOf(3), "chaos hang", { ...runtime, pid: child.pid! });
  expect(() => takeExperimentLock(clusterOf(3), "chaos run", runtime)).toThrow(/pid \d+/);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
  takeExperimentLock(clusterOf(3), "chaos run", runtime).release();
});
