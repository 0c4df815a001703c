import { expect, test } from "vitest";
import type { Readiness } from "../../../src/faults/ready.ts";
import { watchRecovery } from "../../../src/faults/recovery.ts";
import type { NodeState, RoutingTable } from "../../../src/sharding/index.ts";
import { SimClock } from "../../helpers/sim-clock.ts";

const nodes = ["n1", "n2"].map((id) => ({ id, url: `http://${id}`, weight: 1 }));

/** A cluster whose nodes come back, and are repaired, when told: ms from the start. */
function watching(options: {
  backAtMs?: number;
  staleUntilMs?: number;
  tables?: "broken";
  kind?: "local" | "config";
  stop?: AbortSignal;
}) {
  const { backAtMs = 0, staleUntilMs = 0, kind = "local" } = options;
  const clock = new SimClock();
  const startMs = clock.nowMs();
  const sinceMs = () => clock.nowMs() - startMs;
  const notes: string[] = [];
  const result = watchRecovery(
    { cluster: { source: { kind } }, nodes, injectedUs: clock.monotonicUs() },
    {
      clock,
      note: (text) => notes.push(text),
      ready: async ({ url }): Promise<Readiness> => (url === "http://n1" || sinceMs() >= backAtMs ? "yes" : "refused"),
      tables: async () => {
        if (options.tables === "broken") throw new Error("no state");
        return [tableWith(sinceMs() < staleUntilMs ? "stale" : "serving")];
      },
    },
    options.stop ?? new AbortController().signal,
  );
  return { clock, notes, result };
}

function tableWith(state: NodeState): RoutingTable {
  const entry = (url: string, state: NodeState) => ({ url, weight: 1, state });
  return {
    schemaVersion: 1,
    collection: "docs",
    epoch: 1,
    partitioner: { kind: "ring", virtualNodes: 10, hash: "xxh32" },
    replicas: 2,
    members: ["n1", "n2"],
    nodes: { n1: entry("http://n1", "serving"), n2: entry("http://n2", state) },
    moves: [],
    vector: { size: 2, distance: "Cosine" },
  };
}

test("back at once, and nothing missed: both are the same moment", async () => {
  const { result, notes } = watching({});
  expect(await result).toEqual({ backMs: 0, stale: [], servingMs: 0 });
  expect(notes).toEqual([]);
});

test("stale is counted until no table says so, and is said once", async () => {
  const { clock, result, notes } = watching({ backAtMs: 2_000, staleUntilMs: 9_000 });
  await clock.advance(20_000);
  expect(await result).toEqual({ backMs: 2_000, stale: ["n2"], servingMs: 9_000 });
  expect(notes).toEqual(["n2 missed writes and must be repaired before serving"]);
});

test("the wait is bounded: a minute where up repairs, ten seconds elsewhere", async () => {
  for (const [kind, waitMs] of [
    ["local", 60_000],
    ["config", 10_000],
  ] as const) {
    const { clock, result } = watching({ kind, staleUntilMs: Infinity });
    await clock.advance(waitMs - 1_000);
    const early = await Promise.race([result, Promise.resolve("waiting")]);
    expect(early).toBe("waiting");
    await clock.advance(2_000);
    expect(await result).toEqual({ backMs: 0, stale: ["n2"], servingMs: null });
  }
});

test("never back: both are unknown", async () => {
  const { clock, result } = watching({ backAtMs: Infinity });
  await clock.advance(61_000);
  expect(await result).toEqual({ backMs: null, stale: [], servingMs: null });
});

test("tables that cannot be read: whether it serves is not known", async () => {
  const { clock, result } = watching({ tables: "broken" });
  await clock.advance(61_000);
  expect(await result).toEqual({ backMs: 0, stale: [], servingMs: null });
});

test("Ctrl-C ends the wait", async () => {
  const stop = new AbortController();
  const { clock, result } = watching({ backAtMs: Infinity, stop: stop.signal });
  await clock.advance(1_000);
  stop.abort();
  expect(await result).toMatchObject({ backMs: null });
});
