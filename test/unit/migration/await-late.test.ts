import { expect, test } from "vitest";
import { awaitLate } from "../../../src/migration/beside/io.ts";
import type { MoverDeps } from "../../../src/migration/contract.ts";
import type { NodeIo } from "../../../src/migration/io.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";

test("whoever waits for a node that does not answer is told so once, and one request timeout after it answers it is over", async () => {
  const clock = new EventClock();
  const notes: string[] = [];
  const io = { answers: () => Promise.resolve(clock.nowMs() >= startMs + 5_000) } as unknown as NodeIo;
  const startMs = clock.nowMs();
  const deps = { clock, signal: new AbortController().signal, requestTimeoutMs: 1_000, patienceMs: 8_000 };
  let overMs = 0;
  void awaitLate(io, "b", { ...deps, note: (text: string) => void notes.push(text) } as unknown as MoverDeps).then(
    () => (overMs = clock.nowMs() - startMs),
  );
  await clock.run(20_000);
  expect(notes).toEqual(["waiting for b, which does not answer"]);
  expect(overMs).toBeGreaterThanOrEqual(6_000);
  expect(overMs).toBeLessThan(8_000);
});
