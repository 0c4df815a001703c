import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { identify, isAlive, parseProcStat, processStartTime } from "../../../src/process-identity.ts";

test("a name with blanks and parentheses does not shift the fields", () => {
  const fields = Array.from({ length: 50 }, (_, index) => String(index + 4));
  expect(parseProcStat(`123 (a) b (c)) S ${fields.join(" ")}\n`)).toEqual({ state: "S", startTicks: "22" });
  expect(parseProcStat("garbage")).toBeUndefined();
});

test("a process has one identity while it lives, and none after", async () => {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
  await once(child, "spawn");
  const identity = identify(child.pid!)!;
  expect(identity.pid).toBe(child.pid);
  expect(isAlive(identity)).toBe(true);
  expect(processStartTime(child.pid!)).toBe(identity.startTime);
  expect(isAlive({ ...identity, startTime: "another" })).toBe(false);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isAlive(identity)).toBe(false);
});

test("pids that cannot be", () => {
  for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 30]) expect(processStartTime(pid)).toBeUndefined();
});
