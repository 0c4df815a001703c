import { expect, test } from "vitest";
import { readRecord, removeRecord, renewLease, writeRecord } from "../../../src/faults/journal.ts";
import { watch } from "../../../src/faults/watchdog.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { deadOwner, recordOf, temporaryDir, variableFault } from "./helpers.ts";

function watching(options: { lease?: Partial<ReturnType<typeof recordOf>["lease"]>; healWorks?: () => boolean } = {}) {
  const clock = new SimClock();
  const dir = temporaryDir();
  const fake = variableFault(options);
  fake.state.active = true;
  const record = recordOf();
  writeRecord(dir, { ...record, lease: { ...record.lease, ...options.lease } }, clock.nowMs());
  const ask = new AbortController();
  const log: string[] = [];
  const state = { done: false };
  const done = watch([record.id], { dir, clock, now: ask.signal, log: (text) => log.push(text), registry: fake.registry });
  void done.then(() => (state.done = true));
  return { ...fake, clock, dir, ask, log, ended: state, id: record.id };
}

test("a lease that is renewed is left alone, and healed within lease + 2 s after the last renewal", async () => {
  const { clock, dir, id, state, calls, ended } = watching();
  for (let second = 0; second < 30; second++) {
    renewLease(dir, id, clock.nowMs());
    await clock.advance(1_000);
  }
  expect(calls).toEqual([]);
  renewLease(dir, id, clock.nowMs());
  await clock.advance(4_900);
  expect(state.active).toBe(true);
  await clock.advance(2_000);
  expect(state.active).toBe(false);
  expect(readRecord(dir, id)).toBeUndefined();
  expect(ended.done).toBe(true);
});

test("a dead owner is noticed at once, not when its lease ends", async () => {
  const { clock, state, log } = watching({ lease: { owner: deadOwner } });
  await clock.advance(300);
  expect(state.active).toBe(false);
  expect(log[0]).toContain("owner-dead");
});

test("a fault that its owner healed is none of the watchdog's business", async () => {
  const { clock, dir, id, calls, ended } = watching();
  await clock.advance(1_000);
  removeRecord(dir, id);
  await clock.advance(300);
  expect(ended.done).toBe(true);
  expect(calls).toEqual([]);
});

test("asked to, it heals before the lease ends", async () => {
  const { clock, ask, state } = watching();
  await clock.advance(100);
  ask.abort();
  await clock.advance(100);
  expect(state.active).toBe(false);
});

test("a heal that fails is tried again until the probe says gone", async () => {
  let works = false;
  const { clock, state, dir, id, ended } = watching({ lease: { owner: deadOwner }, healWorks: () => works });
  await clock.advance(60_000);
  expect(state.active).toBe(true);
  expect(readRecord(dir, id)).toBeDefined();
  works = true;
  await clock.advance(15_000);
  expect(state.active).toBe(false);
  expect(ended.done).toBe(true);
});

test("it gives up after ten minutes and leaves the record to the next start", async () => {
  const { clock, dir, id, ended, log } = watching({ lease: { owner: deadOwner }, healWorks: () => false });
  await clock.advance(700_000);
  expect(ended.done).toBe(true);
  expect(readRecord(dir, id)).toBeDefined();
  expect(log.at(-1)).toContain("gave up");
});

test("what shall last until asked is watched and not healed", async () => {
  const { clock, calls, ask, state } = watching({ lease: { hold: true, owner: deadOwner } });
  await clock.advance(60_000);
  expect(calls).toEqual([]);
  ask.abort();
  await clock.advance(100);
  expect(state.active).toBe(false);
});
