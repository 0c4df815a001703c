import { describe, expect, test } from "vitest";
import { Gate } from "../../../src/cluster/gate.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";

function gate(maxInFlight: number, maxWaiting: number) {
  const clock = new EventClock();
  return { clock, door: new Gate({ maxInFlight, maxWaiting }, (ms, run) => clock.after(ms, run)) };
}

describe("a node's gate", () => {
  test("lets so many in, has so many wait in their order, and turns the rest away", async () => {
    const { clock, door } = gate(2, 2);
    expect([door.enter(100), door.enter(100), door.free, door.open]).toEqual([true, true, false, true]);
    const order: string[] = [];
    const wait = (name: string) => void Promise.resolve(door.enter(100)).then((entered) => order.push(`${name} ${entered}`));
    wait("first");
    wait("second");
    expect([door.waiting, door.open, door.enter(100)]).toEqual([2, false, false]);
    door.leave();
    await clock.run(0);
    expect(order).toEqual(["first true"]);
    // The place went to who waited, so that a newcomer waits behind the other.
    wait("third");
    await clock.run(100);
    expect(order).toEqual(["first true", "second false", "third false"]);
    expect([door.inside, door.waiting]).toEqual([2, 0]);
    door.leave();
    door.leave();
    expect([door.inside, door.enter(100)]).toEqual([0, true]);
  });

  test("what must be sent waits however many do", async () => {
    const { clock, door } = gate(1, 0);
    expect(door.enter(100)).toBe(true);
    expect(door.enter(100)).toBe(false);
    const must = door.enter(100, true);
    expect(must).toBeInstanceOf(Promise);
    door.leave();
    await clock.run(0);
    expect(await must).toBe(true);
  });
});
