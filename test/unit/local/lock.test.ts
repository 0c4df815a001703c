import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withLock } from "../../../src/local/lock.ts";
import { fakeRuntime } from "../../helpers/fake-runtime.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { deadOwner, self, temporaryDir } from "../faults/helpers.ts";

function locking() {
  const dir = temporaryDir();
  const clock = new SimClock();
  const runtime = fakeRuntime({ cwd: dir, clock });
  const notes: string[] = [];
  const path = join(dir, "up.lock");
  const take = (work: () => Promise<void> = async () => undefined) =>
    withLock(path, "up", { runtime, note: (text) => notes.push(text) }, work);
  return { path, clock, runtime, notes, take, dir };
}

test("one after the other, in the same directory", async () => {
  const { take, clock, notes, path, dir } = locking();
  const order: string[] = [];
  const first = take(async () => {
    order.push("first in");
    await clock.sleep(1_000);
    order.push("first out");
  });
  const second = take(async () => void order.push("second in"));
  await clock.advance(2_000);
  await Promise.all([first, second]);
  expect(order).toEqual(["first in", "first out", "second in"]);
  expect(notes).toEqual([`waiting for another ragctl up here (pid ${process.pid})`]);
  expect(existsSync(path)).toBe(false);
  expect(readdirSync(dir)).toEqual([]);
});

test.each([
  ["of a dead process", JSON.stringify({ owner: deadOwner, command: "up", sinceMs: 1 })],
  ["that is no lock at all", "rubbish"],
  ["that is empty", ""],
])("a lock %s is taken over", async (_name, text) => {
  const { take, path, notes } = locking();
  writeFileSync(path, text);
  await take();
  expect(existsSync(path)).toBe(false);
  expect(notes).toEqual([]);
});

test("after a minute it says who holds it since when", async () => {
  const { take, path, clock } = locking();
  writeFileSync(path, JSON.stringify({ owner: self, command: "up", sinceMs: clock.nowMs() }));
  const refused = expect(take()).rejects.toMatchObject({
    exitCode: 7,
    code: "lock-held",
    message: `ragctl up (pid ${self.pid}) has been at work here since 2023-11-14T22:13:20.000Z`,
  });
  await clock.advance(61_000);
  await refused;
  expect(existsSync(path)).toBe(true);
});

test("Ctrl-C ends the wait; a failure inside gives the lock back", async () => {
  const { take, path, clock, runtime } = locking();
  await expect(take(() => Promise.reject(new Error("inside")))).rejects.toThrow("inside");
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, JSON.stringify({ owner: self, command: "up", sinceMs: 0 }));
  const interrupted = expect(take()).rejects.toMatchObject({ name: "Interrupted" });
  await clock.advance(1_000);
  runtime.interrupt();
  await interrupted;
});
