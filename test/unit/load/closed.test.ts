import { describe, expect, test } from "vitest";
import { ClosedLoop } from "../../../src/load/closed/loop.ts";
import { mostUsers, usersAt } from "../../../src/load/closed/users.ts";
import type { ClosedSpec, Operation, Ticket } from "../../../src/load/contract.ts";
import type { SampleSink, SettledSample } from "../../../src/load/recorder/sink.ts";

const second = 1e6;
const times = { warmupUs: 0, durationUs: 10 * second, thinkUs: 0 };
const counter = () => new SharedArrayBuffer(8);

describe("users over time", () => {
  const ramping: ClosedSpec = {
    kind: "ramping-vus",
    startVus: 2,
    stages: [
      { durationUs: 4 * second, target: 10 },
      { durationUs: 0, target: 3 },
      { durationUs: 6 * second, target: 0 },
    ],
    ...times,
    counter: counter(),
  };
  test.each([
    [-1, 2],
    [0, 2],
    [1, 4],
    [3.9, 10],
    [4, 3],
    [6, 2],
    [9, 1],
    [10, 0],
    [99, 0],
  ])("ramping: after %d s, %d", (seconds, users) => {
    expect(usersAt(ramping, seconds * second)).toBe(users);
  });

  test("constant: all from the warm-up on; counted iterations wait for the measured part", () => {
    const constant: ClosedSpec = { kind: "constant-vus", vus: 5, ...times, counter: counter() };
    const counted: ClosedSpec = { kind: "shared-iterations", vus: 5, iterations: 9, ...times, counter: counter() };
    expect([-1, 0, 9.9 * second, 10 * second].map((us) => usersAt(constant, us))).toEqual([5, 5, 5, 0]);
    expect([-1, 0].map((us) => usersAt(counted, us))).toEqual([0, 5]);
    expect([constant, ramping].map(mostUsers)).toEqual([5, 10]);
  });
});

/** Loops over a target that answers after `serviceUs`, on simulated time in steps of 10 ms, as a worker's ticks are. */
function run(
  spec: ClosedSpec,
  { serviceUs = 100_000, loops = 1, untilUs = 20 * second, timeoutUs = 60 * second, sync = false } = {},
) {
  let nowUs = 0;
  const answers: { atUs: number; ticket: Ticket }[] = [];
  const settled: SettledSample[] = [];
  const indexes: number[] = [];
  let most = 0;
  let live = 0;
  const sink: SampleSink = {
    settled: (sample) => {
      live--;
      settled.push(sample);
    },
    dropped: () => {},
    unfinished: () => live--,
    request: () => {},
    measured: () => {},
  };
  const operation: Operation = {
    start(ticket) {
      most = Math.max(most, ++live);
      indexes.push(ticket.index);
      ticket.sentUs = nowUs;
      if (sync) ticket.settle(nowUs, undefined);
      else answers.push({ atUs: nowUs + serviceUs, ticket });
    },
    close: async () => {},
  };
  const all = Array.from(
    { length: loops },
    (_, first) => new ClosedLoop({ spec, first, stride: loops, operation, sink, nowUs: () => nowUs, timeoutUs }),
  );
  for (const loop of all) loop.start(0);
  for (; nowUs <= untilUs && !all.every((loop) => loop.finished); nowUs += 10_000) {
    for (const { ticket } of answers.filter(({ atUs }) => atUs <= nowUs)) ticket.settle(nowUs, undefined);
    answers.splice(0, answers.length, ...answers.filter(({ atUs }) => atUs > nowUs));
    for (const loop of all) {
      loop.pump();
      loop.sweep();
    }
  }
  return { settled, indexes, most, endUs: nowUs, loops: all };
}

describe("closed loops", () => {
  test("constant users: rate is users ÷ service time, response time is service time", () => {
    const { settled, most } = run({ kind: "constant-vus", vus: 4, ...times, counter: counter() });
    expect(most).toBe(4);
    // 10 s ÷ 100 ms each; the last ones begin before the end.
    expect(settled.length).toBe(400);
    expect(settled.every(({ responseUs, serviceUs, lagUs }) => responseUs === serviceUs && lagUs === 0)).toBe(true);
  });

  test("a slower target is asked less", () => {
    expect(run({ kind: "constant-vus", vus: 4, ...times, counter: counter() }, { serviceUs: second }).settled.length).toBe(40);
  });

  test("think time lies between an answer and the next operation", () => {
    const spec: ClosedSpec = { kind: "constant-vus", vus: 1, ...times, thinkUs: 900_000, counter: counter() };
    expect(run(spec).settled.length).toBe(10);
  });

  test("warm-up is in no window, and users go on through its end", () => {
    const spec: ClosedSpec = { kind: "constant-vus", vus: 1, ...times, warmupUs: second, durationUs: second, counter: counter() };
    const { settled } = run(spec);
    expect(settled.filter(({ window }) => window < 0).length).toBe(10);
    expect(settled.filter(({ window }) => window >= 0).map(({ window }) => window)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("per-vu-iterations: so many each; shared-iterations: so many in all, over all workers, each index once", () => {
    const each = run({ kind: "per-vu-iterations", vus: 3, iterations: 5, ...times, counter: counter() }, { loops: 2 });
    expect(each.settled.length).toBe(15);
    const shared = run({ kind: "shared-iterations", vus: 4, iterations: 10, ...times, counter: counter() }, { loops: 2 });
    expect(shared.settled.length).toBe(10);
    expect(shared.indexes.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, index) => index));
    expect(shared.endUs).toBeLessThan(second);
  });

  test("iterations that take too long end with maxDuration, and what is under way may end", () => {
    const spec: ClosedSpec = {
      kind: "per-vu-iterations",
      vus: 1,
      iterations: 1000,
      ...times,
      durationUs: second,
      counter: counter(),
    };
    expect(run(spec, { serviceUs: 600_000 }).settled.length).toBe(2);
  });

  test("ramping users follow their line", () => {
    const spec: ClosedSpec = {
      kind: "ramping-vus",
      startVus: 0,
      stages: [{ durationUs: 10 * second, target: 10 }],
      ...times,
      counter: counter(),
    };
    const { settled, most } = run(spec);
    expect(most).toBe(10);
    // Half of what ten users would do all the time, within the rounding of users.
    expect(settled.length).toBeGreaterThan(470);
    expect(settled.length).toBeLessThan(530);
  });

  test("an operation that settles at once does not hold the loop: one a user and tick", () => {
    const spec: ClosedSpec = { kind: "constant-vus", vus: 2, ...times, durationUs: 100_000, counter: counter() };
    expect(run(spec, { sync: true }).settled.length).toBe(20);
  });

  test("a timeout frees the user; stop starts nothing more; abandon gives up", () => {
    const spec: ClosedSpec = { kind: "constant-vus", vus: 1, ...times, counter: counter() };
    const late = run(spec, { serviceUs: 1e9, timeoutUs: second, untilUs: 5 * second });
    expect(late.settled.map(({ cause }) => cause)).toEqual(["timeout", "timeout", "timeout", "timeout", "timeout"]);
    const [loop] = late.loops;
    loop!.stop();
    expect(loop!.finished).toBe(false);
    loop!.abandon();
    expect(loop!.finished).toBe(true);
  });
});
