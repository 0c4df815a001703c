import { describe, expect, test } from "vitest";
import { seededRng } from "../../../src/runtime.ts";
import type { Counts } from "../../../src/load/recorder/recorder.ts";
import { answersIn, simulate, type Behaviour } from "./sim.ts";

function expectIdentities(counts: Counts): void {
  expect(counts.scheduled).toBe(counts.sent + counts.dropped);
  expect(counts.sent).toBe(counts.completed + counts.unfinished);
  expect(counts.completed).toBe(counts.ok + counts.errors);
}

const neverAnswers: Behaviour = (ticket, simulation) => {
  ticket.sentUs = simulation.nowUs;
};

describe("counts", () => {
  test("warm-up is sent and enters no count", async () => {
    let sent = 0;
    const { recorder } = await simulate({
      ratePerSec: 100,
      warmupUs: 2e6,
      durationUs: 3e6,
      behaviour: (ticket, simulation) => {
        sent++;
        answersIn(1000)(ticket, simulation);
      },
    });
    expect(sent).toBe(500);
    expect(recorder.counts).toMatchObject({ scheduled: 300, sent: 300, ok: 300 });
    expect(recorder.response.n).toBe(300);
  });

  test("no answer at all: every operation times out, and is counted", async () => {
    const { recorder } = await simulate({ ratePerSec: 100, durationUs: 2e6, timeoutUs: 500_000, behaviour: neverAnswers });
    expect(recorder.counts).toMatchObject({ scheduled: 200, sent: 200, completed: 200, ok: 0, errors: 200, unfinished: 0 });
    expect(recorder.errorsByCause).toEqual({ timeout: 200 });
    expect(recorder.response.n).toBe(0);
    expect(recorder.lag.n).toBe(200);
  });

  test("an answer after the timeout changes nothing", async () => {
    const { recorder } = await simulate({ ratePerSec: 10, durationUs: 1e6, timeoutUs: 500_000, behaviour: answersIn(800_000) });
    expect(recorder.counts).toMatchObject({ completed: 10, ok: 0, errors: 10 });
  });

  test("over --max-in-flight with a slow target: dropped, for the target's account", async () => {
    const { recorder } = await simulate({
      ratePerSec: 100,
      durationUs: 4e6,
      maxInFlight: 150,
      slowUs: 100_000,
      timeoutUs: 3e6,
      behaviour: neverAnswers,
    });
    expect(recorder.counts.dropped).toBeGreaterThan(0);
    expect(recorder.droppedByCause["in-flight-target"]).toBe(recorder.counts.dropped);
    expectIdentities(recorder.counts);
  });

  test("over --max-in-flight with a fast target: the cap was too low", async () => {
    const { recorder } = await simulate({
      ratePerSec: 1000,
      durationUs: 1e6,
      maxInFlight: 1,
      slowUs: 100_000,
      behaviour: answersIn(1500),
    });
    expect(recorder.counts).toMatchObject({ scheduled: 1000, ok: 500, dropped: 500 });
    expect(recorder.droppedByCause).toMatchObject({ "in-flight-generator": 500, "in-flight-target": 0 });
  });

  test("a generator that stood still for longer than the timeout drops what is too late", async () => {
    const { recorder } = await simulate({
      ratePerSec: 100,
      durationUs: 10e6,
      timeoutUs: 1e6,
      behaviour: answersIn(1000),
      pumpAtUs: (dueUs) => (dueUs >= 2e6 && dueUs < 5e6 ? 5e6 : dueUs),
    });
    expect(recorder.counts).toMatchObject({ scheduled: 1000, dropped: 200, ok: 800 });
    expect(recorder.droppedByCause.late).toBe(200);
  });

  test("Ctrl-C: what is not yet due is not scheduled, what is under way may end", async () => {
    const { recorder, generator } = await simulate({
      ratePerSec: 100,
      durationUs: 10e6,
      stopAtUs: 3_005_000,
      behaviour: answersIn(400_000),
    });
    expect(recorder.counts).toMatchObject({ scheduled: 301, sent: 301, ok: 301, unfinished: 0 });
    expect(generator.finished).toBe(true);
  });

  test("a second Ctrl-C: what is under way is unfinished", async () => {
    const { recorder } = await simulate({
      ratePerSec: 100,
      durationUs: 10e6,
      stopAtUs: 3_005_000,
      abandonAtUs: 3_105_000,
      behaviour: answersIn(400_000),
    });
    expect(recorder.counts).toMatchObject({ scheduled: 301, sent: 301, unfinished: 30, ok: 271 });
  });

  test("identities hold for any mixture of answers, errors, silence, refusals and stalls", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const rng = seededRng(seed);
      const stall = { from: rng() * 4e6, to: 0 };
      stall.to = stall.from + rng() * 3e6;
      const cut = 3e6 + rng() * 4e6;
      const { recorder, windows } = await simulate({
        ratePerSec: 50 + Math.floor(rng() * 200),
        durationUs: 5e6,
        warmupUs: rng() < 0.5 ? 0 : 1e6,
        timeoutUs: 100_000 + rng() * 1e6,
        maxInFlight: 5 + Math.floor(rng() * 100),
        slowUs: 50_000,
        workers: 1 + Math.floor(rng() * 3),
        ...(rng() < 0.5 && { stopAtUs: cut, abandonAtUs: cut + rng() * 300_000 }),
        pumpAtUs: (dueUs) => (dueUs >= stall.from && dueUs < stall.to ? stall.to : dueUs),
        behaviour: (ticket, simulation) => {
          const kind = rng();
          if (kind < 0.1) neverAnswers(ticket, simulation);
          else if (kind < 0.2) ticket.drop("sockets");
          else answersIn(rng() * 300_000, kind < 0.4 ? "reset" : undefined)(ticket, simulation);
        },
      });
      const { counts } = recorder;
      try {
        expectIdentities(counts);
        expect(recorder.response.n).toBe(counts.ok);
        expect(sum(recorder.errorsByCause)).toBe(counts.errors);
        expect(sum(recorder.droppedByCause)).toBe(counts.dropped);
        for (const name of Object.keys(counts) as (keyof Counts)[])
          expect(windows.reduce((total, window) => total + window.counts[name], 0)).toBe(counts[name]);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
});

function sum(byCause: Record<string, number>): number {
  return Object.values(byCause).reduce((total, count) => total + count, 0);
}
