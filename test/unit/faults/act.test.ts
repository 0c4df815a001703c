import { expect, test } from "vitest";
import { runAct } from "../../../src/faults/act.ts";
import { journalDir, listRecords, recordIds, removeRecord } from "../../../src/faults/journal.ts";
import { fakeRuntime } from "../../helpers/fake-runtime.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { self, targetOf, temporaryDir, variableFault } from "./helpers.ts";

function acting(options: { forMs?: number; healWorks?: () => boolean; guard?: () => Promise<void>; targets?: number } = {}) {
  const clock = new SimClock();
  const runtime = fakeRuntime({ cwd: temporaryDir(), clock });
  const fake = variableFault(options);
  const dir = journalDir(runtime.stateDir);
  const targets = Array.from({ length: options.targets ?? 1 }, (_, index) => targetOf(self, { node: `n${index + 1}` }));
  const watched: string[][] = [];
  const guard = async (_dir: string, ids: readonly string[]) => {
    fake.calls.push("acknowledged");
    watched.push([...ids]);
    await options.guard?.();
  };
  const act = { fault: fake.fault, cluster: "local", targets, options: {}, forMs: options.forMs };
  const events: string[] = [];
  const done = runAct(act, { runtime, note: () => undefined, event: (phase) => events.push(phase), guard });
  const outcome = done.then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error: error as any }),
  );
  return { ...fake, clock, runtime, dir, watched, events, outcome };
}

test("record on disk, acknowledged, injected, renewed, healed, proven, cleared, in that order", async () => {
  const { clock, calls, dir, outcome, watched, events } = acting({ forMs: 12_000 });
  await clock.advance(0);
  expect(calls).toEqual(["prepare", "acknowledged", "inject"]);
  const injectedAt = clock.nowMs();
  for (let second = 0; second < 11; second++) {
    await clock.advance(1_000);
    const [entry] = listRecords(dir).entries;
    expect(clock.nowMs() - entry!.renewedAtMs).toBeLessThan(2_000);
  }
  await clock.advance(1_000);
  expect(calls.at(-1)).toBe("heal");
  const { result } = await outcome;
  expect(result).toMatchObject({ fault: "test-fault", injectedAt, healedAt: injectedAt + 12_000, healed: true, probe: "gone" });
  expect(watched).toEqual([[result!.id]]);
  expect(events).toEqual(["start", "end"]);
  expect(recordIds(dir)).toEqual([]);
});

test("a watchdog that does not acknowledge: nothing is injected and nothing is left", async () => {
  const { calls, dir, outcome } = acting({ forMs: 1_000, guard: () => Promise.reject(new Error("no watchdog")) });
  expect((await outcome).error.message).toBe("no watchdog");
  expect(calls).toEqual(["prepare", "acknowledged"]);
  expect(recordIds(dir)).toEqual([]);
});

test("Ctrl-C heals at once and then says that it was interrupted", async () => {
  const { clock, runtime, calls, state, dir, outcome } = acting({ forMs: 600_000 });
  await clock.advance(2_500);
  runtime.interrupt();
  await clock.advance(0);
  expect((await outcome).error).toMatchObject({
    code: "interrupted",
    exitCode: 130,
    message: "interrupted: test-fault is healed and proven gone, n1 is back",
    details: { healed: true, probe: "gone" },
  });
  expect(calls.at(-1)).toBe("heal");
  expect(state.active).toBe(false);
  expect(recordIds(dir)).toEqual([]);
});

test("what cannot be proven gone ends in exit 5, and its record stays for whoever tries next", async () => {
  const { clock, dir, outcome } = acting({ forMs: 1_000, healWorks: () => false });
  await clock.advance(30_000);
  const { error } = await outcome;
  expect(error).toMatchObject({ exitCode: 5, code: "fault-unhealed" });
  expect(error.hint).toContain(`ragctl chaos heal ${recordIds(dir)[0]}`);
});

test("somebody else heals it meanwhile: the wait ends, and the probe is asked all the same", async () => {
  const { clock, dir, state, outcome } = acting({ forMs: 600_000 });
  await clock.advance(3_000);
  state.active = false;
  removeRecord(dir, recordIds(dir)[0]!);
  await clock.advance(1_500);
  expect((await outcome).result).toMatchObject({ healed: true, probe: "gone" });
});

test("a pause longer than the lease before the first blow: nothing is injected", async () => {
  const { calls, outcome, dir } = acting({
    forMs: 1_000,
    // What the watchdog does while its injector hangs.
    guard: async () => recordIds(dir).forEach((id) => removeRecord(dir, id)),
  });
  expect((await outcome).error).toMatchObject({ code: "lease-lost" });
  expect(calls).not.toContain("inject");
});

test("without an end it returns as soon as it is injected; the record waits to be healed by hand", async () => {
  const { dir, outcome, calls } = acting();
  expect((await outcome).result).toMatchObject({ healed: false, healedAt: null, probe: "active" });
  expect(listRecords(dir).entries[0]!.record.lease.hold).toBe(true);
  expect(calls).toEqual(["prepare", "inject"]);
});

test("several targets: every record is there before the first blow", async () => {
  const { clock, outcome, watched, dir } = acting({ forMs: 1_000, targets: 3 });
  await clock.advance(0);
  expect(recordIds(dir)).toHaveLength(3);
  await clock.advance(2_000);
  const { result } = await outcome;
  expect(watched[0]).toEqual([1, 2, 3].map((index) => `${result!.id}.${index}`));
});
