import { describe, expect, it } from "vitest";
import { rateWindow } from "../../../src/embed/limit/contract.ts";
import { localLimiter } from "../../../src/embed/limit/local.ts";
import { Places } from "../../../src/embed/limit/places.ts";
import type { SharedPlaces } from "../../../src/embed/limit/redis-places.ts";
import { sharedLimiter } from "../../../src/embed/limit/shared.ts";
import { seededRng } from "../../../src/runtime.ts";
import { SimClock } from "../../helpers/sim-clock.ts";

it.each([
  [20, { places: 20, windowMs: 1000 }],
  [2.5, { places: 2, windowMs: 1000 }],
  [0.5, { places: 1, windowMs: 2000 }],
])("a rate of %d/s is %j", (rate, window) => {
  expect(rateWindow(rate)).toEqual(window);
});

describe("places", () => {
  it("are free a window after they were given back, not after they were taken", () => {
    const places = new Places({ places: 2, windowMs: 1000 });
    const [a, b] = [places.take(0), places.take(10)] as { place: number }[];
    expect(places.take(20)).toEqual({ waitMs: Infinity });
    places.giveBack(a!.place, 500);
    expect(places.take(600)).toEqual({ waitMs: 900 });
    places.giveBack(b!.place, 600);
    expect(places.take(1499)).toEqual({ waitMs: 1 });
    expect(places.take(1500)).toHaveProperty("place");
    expect(places.take(1599)).toEqual({ waitMs: 1 });
    expect(places.take(1600)).toHaveProperty("place");
  });

  it("are lost by what dies with them, when the lease ends", () => {
    const places = new Places({ places: 1, windowMs: 1000 });
    places.take(0, 5000);
    expect(places.take(4999)).toEqual({ waitMs: 1 });
    expect(places.take(5000)).toHaveProperty("place");
  });
});

/** The most arrivals in any window `[t, t + windowMs)`. */
function mostInAny(arrivalsMs: readonly number[], windowMs: number): number {
  const sorted = arrivalsMs.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((from, at) => sorted.slice(at).filter((to) => to < from + windowMs).length));
}

/** Requests that arrive after any delay and are answered after any other, from several senders. */
async function arrivals(enter: (() => Promise<{ done(): void }>)[], clock: SimClock, seed: number, each: number) {
  const rng = seededRng(seed);
  const seen: number[] = [];
  const all = enter.flatMap((one) =>
    Array.from({ length: each }, async () => {
      await clock.sleep(rng() * 500);
      const leave = await one();
      // On its way as long as it takes, sometimes very long.
      await clock.sleep(rng() < 0.1 ? rng() * 3000 : rng() * 60);
      seen.push(clock.nowMs());
      await clock.sleep(rng() * 200);
      leave.done();
    }),
  );
  const done = { all: false };
  const ended = Promise.all(all).then(() => (done.all = true));
  while (!done.all) await clock.advance(50);
  await ended;
  return seen;
}

describe("a limiter", () => {
  it("never lets more through in any second, whatever the network does", async () => {
    const seed = 71;
    const clock = new SimClock(0);
    const limiter = localLimiter({ places: 20, windowMs: 1000 }, clock);
    const seen = await arrivals([() => limiter.enter()], clock, seed, 120);
    expect([seen.length, mostInAny(seen, 1000) <= 20], `seed ${seed}`).toEqual([120, true]);
    // And uses what there is: a second's worth at once, when nobody has been let through before.
    expect(mostInAny(seen, 1000)).toBeGreaterThan(15);
  });

  it("serves in order, and leaves out those that gave up", async () => {
    const clock = new SimClock(0);
    const limiter = localLimiter({ places: 1, windowMs: 1000 }, clock);
    const order: string[] = [];
    const enter = async (name: string, signal?: AbortSignal) => {
      const leave = await limiter.enter(signal);
      order.push(`${name} ${clock.nowMs()}`);
      leave.done();
    };
    const gone = new AbortController();
    const all = [enter("a"), enter("b", gone.signal), enter("c")];
    all[1]!.catch(() => undefined);
    gone.abort(new Error("enough"));
    await clock.advance(3000);
    expect(order).toEqual(["a 0", "c 1000"]);
    await expect(all[1]).rejects.toThrow("enough");
  });
});

describe("a limiter that is shared", () => {
  /** What Redis would keep, in memory: its clock is the simulation's. */
  function sharedPlacesOf(clock: SimClock, places: number) {
    const held = new Places({ places, windowMs: 1000 });
    const byName = new Map<string, number>();
    const state = { fails: false };
    const shared: SharedPlaces = {
      async take(name) {
        if (state.fails) throw new Error("connection lost");
        const taken = held.take(clock.nowMs(), 30_000);
        if ("waitMs" in taken) return taken.waitMs;
        byName.set(name, taken.place);
        return 0;
      },
      async giveBack(name) {
        if (state.fails) throw new Error("connection lost");
        held.giveBack(byName.get(name)!, clock.nowMs());
      },
    };
    return { shared, state };
  }

  it("never lets more through in any second, of three processes together", async () => {
    const seed = 72;
    const clock = new SimClock(0);
    const { shared } = sharedPlacesOf(clock, 20);
    const processes = ["a", "b", "c"].map((name) =>
      sharedLimiter({
        own: localLimiter({ places: 20, windowMs: 1000 }, clock),
        shared,
        clock,
        rng: seededRng(seed),
        name,
        warn: (text) => expect.unreachable(text),
      }),
    );
    const seen = await arrivals(
      processes.map((limiter) => () => limiter.enter()),
      clock,
      seed,
      60,
    );
    expect([seen.length, mostInAny(seen, 1000) <= 20], `seed ${seed}`).toEqual([180, true]);
  });

  it("keeps the limit of this process where Redis does not answer, says so once, and says when it is back", async () => {
    const clock = new SimClock(0);
    const { shared, state } = sharedPlacesOf(clock, 2);
    const said: string[] = [];
    const limiter = sharedLimiter({
      own: localLimiter({ places: 2, windowMs: 1000 }, clock),
      shared,
      clock,
      rng: () => 0,
      name: "a",
      warn: (text) => said.push(text),
    });
    const times: number[] = [];
    const go = async (n: number) => {
      const all = Array.from({ length: n }, async () => {
        const leave = await limiter.enter();
        times.push(clock.nowMs());
        leave.done();
      });
      await clock.advance(10_000);
      await Promise.all(all);
    };
    await go(2);
    state.fails = true;
    await go(6);
    expect(said).toEqual([
      "the embedder's rate is kept by this process alone, since its Redis does not answer (connection lost); other processes may add to it",
    ]);
    expect(mostInAny(times, 1000)).toBe(2);
    state.fails = false;
    await go(2);
    expect(said.slice(1)).toEqual(["the embedder's rate is shared with other processes again: its Redis answers"]);
  });
});
