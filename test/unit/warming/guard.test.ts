import { expect, test } from "vitest";
import { seededRng } from "../../../src/runtime.ts";
import { execute } from "../../../src/warming/run/execute.ts";
import { SimClock } from "../../helpers/sim-clock.ts";

const objectiveUs = 50_000;

/** A store with one server: 2.5 ms a search, in the order in which they come. */
function simulatedStore(clock: SimClock) {
  let freeAtMs = clock.nowMs();
  return async () => {
    const beganMs = clock.nowMs();
    freeAtMs = Math.max(freeAtMs, beganMs) + 2.5;
    await clock.sleep(freeAtMs - beganMs);
    return (clock.nowMs() - beganMs) * 1000;
  };
}

/** Load of 240/s (of the 400/s that the store can do) for a minute, and warming beside it at up to 500/s. @returns p99 of the load, µs */
async function loadBesideWarming(guard: boolean) {
  const clock = new SimClock();
  const search = simulatedStore(clock);
  const rng = seededRng(3);
  const latenciesUs: number[] = [];
  const load = (async () => {
    const endMs = clock.nowMs() + 60_000;
    while (clock.nowMs() < endMs) {
      void search().then((us) => latenciesUs.push(us));
      await clock.sleep((-Math.log(1 - rng()) / 240) * 1000);
    }
  })();
  const stop = new AbortController();
  const warming = execute(
    {
      items: Array.from({ length: 100_000 }, (_, index) => ({ index, query: `q${index}` })),
      pace: { startPerSec: 20, minPerSec: 5, maxPerSec: 500, guard },
      objectiveUs,
      maxInFlight: 1000,
    },
    {
      backend: {
        answer: async () => {
          await search();
          return { result: undefined };
        },
      },
      cache: {
        look: (queries) => Promise.resolve(queries.map(() => ({ fresh: false }))),
        store: () => Promise.resolve(),
        evictions: () => Promise.resolve(0),
      },
      clock,
      rng: seededRng(4),
      signal: stop.signal,
      hardSignal: new AbortController().signal,
      onDone: () => {},
    },
  );
  await clock.advance(60_000);
  stop.abort();
  await clock.advance(10_000);
  await load;
  const { series, warmed } = await warming;
  const sorted = latenciesUs.toSorted((a, b) => a - b);
  return { p99Us: sorted[Math.ceil(sorted.length * 0.99) - 1]!, series, warmed };
}

test(
  "beside a load the objective holds because the warmer slows down; without the guard it breaks",
  { timeout: 240_000 },
  async () => {
    const guarded = await loadBesideWarming(true);
    expect(guarded.p99Us).toBeLessThan(objectiveUs);
    // It found room that was there: more than its least, less than what was left of the store.
    expect(guarded.warmed).toBeGreaterThan(60 * 40);
    expect(guarded.warmed).toBeLessThan(60 * 160);
    expect(Math.max(...guarded.series.map(({ ratePerSec }) => ratePerSec))).toBeLessThan(500);
    const bare = await loadBesideWarming(false);
    expect(bare.p99Us).toBeGreaterThan(objectiveUs);
  },
);
