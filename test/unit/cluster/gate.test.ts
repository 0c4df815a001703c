import { describe, expect, test } from "vitest";
import { Gate } from "../../../src/cluster/gate.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";

function gate(maxInFlight: number, maxWaiting: number) {
  const clock = new EventClock();
  return { clock, door: new Gate({ maxInFlight, maxWaiting }, (ms, run) => clock.after(ms, run)) };
}

describe("a node's gate", () => {
  test("lets so many in; whoever came last goes first, and whoever came first goes when too many wait", async () => {
    const { clock, door } = gate(2, 2);
    expect([door.enter(100), door.enter(100), door.free, door.open]).toEqual([true, true, false, true]);
    const order: string[] = [];
    const wait = (name: string, must = false) =>
      void Promise.resolve(door.enter(100, must)).then((entered) => order.push(`${name} ${entered}`));
    wait("first");
    wait("second");
    expect([door.waiting, door.open]).toEqual([2, false]);
    wait("third");
    await clock.run(0);
    expect(order).toEqual(["first false"]);
    door.leave();
    await clock.run(0);
    expect(order).toEqual(["first false", "third true"]);
    await clock.run(100);
    expect(order).toEqual(["first false", "third true", "second false"]);
    expect([door.inside, door.waiting]).toEqual([2, 0]);
    door.leave();
    door.leave();
    expect([door.inside, door.enter(100)]).toEqual([0, true]);
  });

  test("what must be sent waits however many do, and goes for nobody", async () => {
    const { clock, door } = gate(1, 1);
    expect(door.enter(100)).toBe(true);
    const turns: boolean[] = [];
    for (let i = 0; i < 3; i++) void Promise.resolve(door.enter(100, true)).then((entered) => turns.push(entered));
    void Promise.resolve(door.enter(100)).then((entered) => turns.push(entered));
    await clock.run(0);
    expect(turns).toEqual([false]);
    for (let i = 0; i < 3; i++) door.leave();
    await clock.run(0);
    expect(turns).toEqual([false, true, true, true]);
  });

  test("its limit follows the node: down once for what was under way together, never below sixteen, and up again", () => {
    const { door } = gate(100, 0);
    for (let i = 0; i < 50; i++) expect(door.enter(100)).toBe(true);
    door.late(1_000, 2_000);
    expect(door.limit).toBe(35);
    for (let i = 0; i < 50; i++) door.late(1_500, 2_100);
    expect(door.limit).toBe(35);
    for (let round = 0; round < 20; round++) door.late(3_000 + round * 1_000, 3_500 + round * 1_000);
    expect(door.limit).toBe(16);
    const quick = (times: number) => {
      for (let i = 0; i < times; i++) door.answered(30_000, 31_000, false);
    };
    quick(500);
    expect(door.limit).toBeGreaterThan(60);
    quick(5000);
    expect(door.limit).toBe(100);
  });

  test("an answer that took long is a queue where the node has been quicker, and distance where it has not", () => {
    const far = gate(100, 0).door;
    for (let i = 0; i < 100; i++) far.answered(i * 1000, i * 1000 + 300_000, true);
    expect(far.limit).toBe(100);
    const near = gate(100, 0).door;
    near.answered(0, 5_000, false);
    near.answered(10_000, 310_000, true);
    expect(near.limit).toBe(16);
  });
});
