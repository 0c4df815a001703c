import { expect, test } from "vitest";
import { runAct, type ActDeps } from "../../../src/faults/act.ts";
import type { Fault, FaultDeps } from "../../../src/faults/contract.ts";
import { journalDir, listRecords, recordIds, removeRecord } from "../../../src/faults/journal.ts";
import { fakeRuntime } from "../../helpers/fake-runtime.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { self, targetOf, temporaryDir, variableFault } from "./helpers.ts";

interface Acting extends Pick<ActDeps, "stop" | "onTick" | "onInjected" | "recovery"> {
  forMs?: number;
  healWorks?: () => boolean;
  guard?: () => Promise<void>;
  /** Whether the watchdog that was started last still runs. */
  watchdogLives?: () => boolean;
  targets?: number;
  /** What differs from the fault on a variable. */
  fault?: (calls: string[]) => Partial<Fault>;
}

function acting(options: Acting = {}) {
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
    return { isAlive: options.watchdogLives ?? (() => true) };
  };
  const { stop, onTick, onInjected, recovery } = options;
  const more = Object.fromEntries(Object.entries({ stop, onTick, onInjected, recovery }).filter(([, value]) => value));
  const notes: string[] = [];
  const act = {
    fault: { ...fake.fault, ...options.fault?.(fake.calls) },
    cluster: "local",
    targets,
    options: {},
    forMs: options.forMs,
  };
  const events: string[] = [];
  const done = runAct(act, { ...more, runtime, note: (text) => notes.push(text), event: (phase) => events.push(phase), guard });
  const outcome = done.then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error: error as any }),
  );
  return { ...fake, clock, runtime, dir, watched, events, notes, outcome };
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

test("a watchdog that dies meanwhile: another one takes over, and the fault goes on", async () => {
  let lives = true;
  const { clock, watched, notes, state, outcome } = acting({
    forMs: 10_000,
    watchdogLives: () => lives,
    guard: async () => void (lives = true),
  });
  await clock.advance(3_000);
  lives = false;
  await clock.advance(1_500);
  expect(watched).toHaveLength(2);
  expect(watched[1]).toEqual(watched[0]);
  expect(notes.join()).toContain("its watchdog has died");
  expect(state.active).toBe(true);
  await clock.advance(10_000);
  expect((await outcome).result).toMatchObject({ healed: true, probe: "gone" });
  expect(watched).toHaveLength(2);
});

test("where no other watchdog can be had, it is healed at once", async () => {
  let started = 0;
  const { clock, state, calls, outcome } = acting({
    forMs: 600_000,
    watchdogLives: () => clock.monotonicUs() < 3e6,
    guard: () => (started++ === 0 ? Promise.resolve() : Promise.reject(new Error("no memory"))),
  });
  await clock.advance(5_000);
  expect(started).toBe(2);
  expect(calls.at(-1)).toBe("heal");
  expect(state.active).toBe(false);
  expect((await outcome).result).toMatchObject({ healed: true, probe: "gone" });
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

test("stopped from outside: healed at once, and the result says by what", async () => {
  const stop = new AbortController();
  const { clock, calls, dir, outcome } = acting({ forMs: 600_000, stop: stop.signal });
  await clock.advance(2_000);
  expect(calls.at(-1)).toBe("inject");
  const reason = { kind: "objective" as const, reason: "errors are 4 %" };
  stop.abort(reason);
  await clock.advance(0);
  expect((await outcome).result).toMatchObject({ healed: true, probe: "gone", stoppedBy: reason });
  expect(calls.at(-1)).toBe("heal");
  expect(recordIds(dir)).toEqual([]);
});

test("stopped before the first blow: nothing is injected", async () => {
  const stop = new AbortController();
  const guard = async () => stop.abort({ kind: "guard", reason: "n3 is down" });
  const { calls, dir, outcome } = acting({ forMs: 1_000, stop: stop.signal, guard });
  expect((await outcome).error).toMatchObject({ code: "stopped", exitCode: 7, message: expect.stringContaining("n3 is down") });
  expect(calls).not.toContain("inject");
  expect(recordIds(dir)).toEqual([]);
});

test("a target's own lease is renewed every second; one that cannot be is said once, and costs the fault nothing", async () => {
  const fault = (calls: string[]) => ({
    renew: async () => {
      calls.push("renew");
      throw new Error("no route");
    },
  });
  const { clock, calls, notes, outcome } = acting({ forMs: 5_000, fault });
  await clock.advance(5_000);
  expect((await outcome).result).toMatchObject({ healed: true });
  expect(calls.filter((call) => call === "renew").length).toBeGreaterThanOrEqual(5);
  expect(notes.filter((note) => note.includes("no route"))).toHaveLength(1);
});

test("a target that does not answer costs us neither our lease nor, for long, the heal", async () => {
  const fault = () => ({ renew: () => new Promise<void>(() => undefined) });
  const { clock, dir, outcome } = acting({ forMs: 8_000, fault });
  await clock.advance(7_000);
  expect(clock.nowMs() - listRecords(dir).entries[0]!.renewedAtMs).toBeLessThan(2_000);
  await clock.advance(4_000);
  expect((await outcome).result).toMatchObject({ healed: true });
});

test("a renewal that is on its way when the time is up lands before the heal, not after it", async () => {
  const fault = (calls: string[]) => ({
    renew: async (_record: unknown, { clock }: FaultDeps) => {
      await clock.sleep(700);
      calls.push("renewed");
    },
  });
  const { clock, calls, outcome } = acting({ forMs: 2_200, fault });
  await clock.advance(4_000);
  await outcome;
  expect(calls.lastIndexOf("renewed")).toBeGreaterThan(0);
  expect(calls.lastIndexOf("renewed")).toBeLessThan(calls.indexOf("heal"));
});

test("one of three targets fails: those that were hit are healed before the failure is told", async () => {
  let injected = 0;
  const fault = (calls: string[]) => ({
    inject: async () => {
      calls.push("inject");
      if (++injected === 2) throw new Error("n2 is another by now");
    },
  });
  const { clock, calls, dir, outcome } = acting({ forMs: 60_000, targets: 3, fault });
  await clock.advance(0);
  expect((await outcome).error.message).toBe("n2 is another by now");
  expect(calls.filter((call) => call === "inject")).toHaveLength(3);
  expect(calls.filter((call) => call === "heal")).toHaveLength(3);
  expect(recordIds(dir)).toEqual([]);
});

test("it fails, and what was hit cannot be healed: exit 5, and the records stay for the watchdog", async () => {
  const fault = () => ({
    inject: () => Promise.reject(new Error("half done")),
    probe: async () => "active" as const,
  });
  const { clock, dir, outcome } = acting({ forMs: 60_000, fault });
  await clock.advance(60_000);
  expect((await outcome).error).toMatchObject({ exitCode: 5, cause: { message: "half done" } });
  expect(recordIds(dir)).toHaveLength(1);
});

test("what cannot be undone is done, without a watchdog, and leaves no record", async () => {
  const { dir, outcome, calls, events, watched } = acting({ fault: () => ({ reversible: false }) });
  expect((await outcome).result).toMatchObject({ healed: false, healedAt: null, probe: "gone" });
  expect(calls).toEqual(["prepare", "inject"]);
  expect(events).toEqual(["start"]);
  expect(watched).toEqual([]);
  expect(recordIds(dir)).toEqual([]);
});

test("who asks is told when it is injected, how long is left, and what became of the cluster", async () => {
  const left: number[] = [];
  const injected: string[] = [];
  const recovered = { backMs: 3_100, stale: ["n1"], servingMs: 9_000 };
  const { clock, outcome } = acting({
    forMs: 3_000,
    onTick: (leftMs) => left.push(leftMs),
    onInjected: ({ probe }) => injected.push(probe),
    recovery: async () => recovered,
  });
  await clock.advance(3_000);
  expect((await outcome).result).toMatchObject({ recovery: recovered });
  expect(left).toEqual([3_000, 2_000, 1_000]);
  expect(injected).toEqual(["active"]);
});
