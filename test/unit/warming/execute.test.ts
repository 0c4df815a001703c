import { beforeEach, describe, expect, test } from "vitest";
import { ExitCode, RagctlError } from "../../../src/errors.ts";
import { seededRng } from "../../../src/runtime.ts";
import type { ItemState, WarmBackend, WarmCache } from "../../../src/warming/run/contract.ts";
import { execute, type ExecuteDeps, type ExecuteOptions } from "../../../src/warming/run/execute.ts";
import { SimClock } from "../../helpers/sim-clock.ts";

const down = new RagctlError("the cache is gone", { code: "cache-unreachable", exitCode: ExitCode.unreachable });

let clock: SimClock;
let stored: Map<string, number>;
let states: Map<number, ItemState>;
let soft: AbortController;

beforeEach(() => {
  clock = new SimClock();
  stored = new Map();
  states = new Map();
  soft = new AbortController();
});

function items(count: number) {
  return Array.from({ length: count }, (_, index) => ({ index, query: `q${index}` }));
}

const backend = (latencyMs = 5): WarmBackend => ({
  embed: (queries) => Promise.resolve(queries.map(() => new Float32Array([1, 0]))),
  answer: async (query) => {
    await clock.sleep(latencyMs);
    return { result: Buffer.from(query) };
  },
});

const cache = (over: Partial<WarmCache> = {}): WarmCache => ({
  look: (queries) => Promise.resolve(queries.map((query) => ({ fresh: stored.has(query) }))),
  store: (query) => Promise.resolve(void stored.set(query, clock.nowMs())),
  evictions: () => Promise.resolve(0),
  ...over,
});

function start(options: Partial<ExecuteOptions>, deps: Partial<ExecuteDeps> = {}) {
  return execute(
    {
      items: items(200),
      pace: { startPerSec: 100, minPerSec: 5, maxPerSec: 100, guard: true },
      objectiveUs: 50_000,
      maxInFlight: 32,
      ...options,
    },
    {
      backend: backend(),
      cache: cache(),
      clock,
      rng: seededRng(1),
      signal: soft.signal,
      hardSignal: new AbortController().signal,
      onDone: (index, state) => void states.set(index, state),
      ...deps,
    },
  );
}

/** Moves the clock until the promise is settled. */
async function through<T>(running: Promise<T>, mostMs = 120_000): Promise<T> {
  const state = { over: false };
  const ended = running.finally(() => (state.over = true));
  ended.catch(() => {});
  for (let ms = 0; ms < mostMs && !state.over; ms += 100) await clock.advance(100);
  expect(state.over).toBe(true);
  return await ended;
}

describe("a run", () => {
  test("stores each query once, in order, at the pace", async () => {
    const outcome = await through(start({}));
    expect(outcome).toMatchObject({ warmed: 200, skipped: 0, failed: 0, stopped: "done", retried: { queries: 0 } });
    expect([...stored.keys()]).toEqual(items(200).map(({ query }) => query));
    // 200 at 100/s, the last one beginning after 1,990 ms.
    expect(outcome.elapsedMs).toBeGreaterThan(1980);
    expect(outcome.elapsedMs).toBeLessThan(2100);
    expect([...states.values()].every((state) => state === "warmed")).toBe(true);
  });

  test("is open: slow answers do not slow it down, up to what may be in flight", async () => {
    const slow = await through(start({ objectiveUs: 1e9 }, { backend: backend(250) }));
    expect(slow.elapsedMs).toBeLessThan(2400);
    stored.clear();
    const capped = await through(start({ objectiveUs: 1e9, maxInFlight: 5 }, { backend: backend(250) }));
    // Five at a time, 250 ms each.
    expect(capped.elapsedMs).toBeGreaterThan(9900);
  });

  test("skips what is warm and fresh, and asks nobody for it", async () => {
    for (let at = 0; at < 150; at++) stored.set(`q${at}`, 0);
    let asked = 0;
    const counting: WarmBackend = { ...backend(), embed: (queries) => ((asked += queries.length), backend().embed!(queries)) };
    const outcome = await through(start({}, { backend: counting }));
    expect(outcome).toMatchObject({ warmed: 50, skipped: 150, failed: 0 });
    expect(asked).toBe(50);
  });

  test("a cache that is gone for three seconds: all is stored in the end, and searched once", async () => {
    let searches = 0;
    const outcome = await through(
      start(
        { items: items(500) },
        {
          backend: { ...backend(), answer: async (query) => (searches++, { result: Buffer.from(query) }) },
          cache: cache({
            store(query) {
              const ms = clock.nowMs() - 1_700_000_000_000;
              if (ms > 1000 && ms < 4000) return Promise.reject(down);
              stored.set(query, ms);
              return Promise.resolve();
            },
          }),
        },
      ),
    );
    expect(outcome).toMatchObject({ warmed: 500, failed: 0, stopped: "done" });
    expect(searches).toBe(500);
    expect(outcome.retried.queries).toBeGreaterThan(10);
    expect(outcome.retried.reasons).toEqual([{ reason: "the cache is gone", count: outcome.retried.attempts }]);
    expect(outcome.objections["cache-failing"]).toBeGreaterThan(2);
    // While it was gone it was asked ever more gently.
    expect(Math.min(...outcome.series.map(({ ratePerSec }) => ratePerSec))).toBeLessThan(20);
  });

  test("a cache that does not come back ends it with its own words", async () => {
    await expect(through(start({}, { cache: cache({ store: () => Promise.reject(down) }) }))).rejects.toBe(down);
    expect(clock.nowMs() - 1_700_000_000_000).toBeLessThan(60_000);
  });

  test("one query that never works fails, and the others do not wait for it", async () => {
    const picky = cache({
      store: (query) => (query === "q3" ? Promise.reject(down) : Promise.resolve(void stored.set(query, clock.nowMs()))),
    });
    const outcome = await through(start({}, { cache: picky }));
    expect(outcome).toMatchObject({ warmed: 199, failed: 1, failures: [{ reason: "the cache is gone", count: 1 }] });
    expect(states.get(3)).toBe("failed");
  });

  test("what the embedder will not take fails alone", async () => {
    const refusing: WarmBackend = {
      ...backend(),
      embed: (queries) => Promise.resolve(queries.map((query) => (query === "q7" ? undefined : new Float32Array([1])))),
    };
    expect(await through(start({}, { backend: refusing }))).toMatchObject({ warmed: 199, failed: 1 });
  });

  test("the time's end ends it; what is under way is stored", async () => {
    const outcome = await through(start({ timeMs: 1000 }));
    expect(outcome.stopped).toBe("time");
    expect(outcome.warmed).toBe(stored.size);
    expect(outcome.warmed).toBeGreaterThan(90);
    expect(outcome.warmed).toBeLessThanOrEqual(101);
  });

  test("Ctrl-C lets what is under way end", async () => {
    const running = start({}, { backend: backend(200) });
    await clock.advance(1000);
    soft.abort(new Error("interrupted"));
    const outcome = await through(running);
    expect(outcome.stopped).toBe("interrupted");
    expect(outcome.warmed).toBe(stored.size);
    expect(outcome.warmed).toBe(states.size);
    expect(outcome.warmed).toBeLessThan(150);
  });

  test("Ctrl-C while texts are embedded is no failure", async () => {
    const hanging: WarmBackend = {
      ...backend(),
      embed: () => new Promise((_, reject) => soft.signal.addEventListener("abort", () => reject(soft.signal.reason as Error))),
    };
    const running = start({}, { backend: hanging });
    await clock.advance(500);
    soft.abort(new Error("interrupted"));
    expect(await through(running)).toMatchObject({ stopped: "interrupted", warmed: 0, failed: 0 });
  });

  test("a cache that evicts what is stored ends it", async () => {
    let evicted = 0;
    const full = cache({
      store: (query) => Promise.resolve(void (stored.set(query, 0), stored.size > 100 && evicted++)),
      evictions: () => Promise.resolve(evicted),
    });
    const outcome = await through(start({ items: items(5000) }, { cache: full }));
    expect(outcome.stopped).toBe("cache-full");
    expect(outcome.evicted).toBeGreaterThan(0);
    expect(outcome.warmed).toBeLessThan(400);
  });
});
