import { Generator, type GeneratorOptions } from "../../../src/load/generator.ts";
import type { Operation, Ticket } from "../../../src/load/contract.ts";
import { prepareHistograms } from "../../../src/load/recorder/histogram.ts";
import { Recorder } from "../../../src/load/recorder/recorder.ts";
import { recordOf } from "../../../src/load/windows/record.ts";
import { windowSummary, type WindowSummary } from "../../../src/load/windows/summary.ts";
import { constantRate } from "../../../src/load/schedules/constant.ts";
import { firstDueAt } from "../../../src/load/schedules/index.ts";

/** Simulated time, µs: things happen when they are due, one after the other, and nothing takes time by itself. */
class Simulation {
  nowUs = 0;
  #events: { atUs: number; run: () => void }[] = [];

  at(atUs: number, run: () => void): void {
    const event = { atUs: Math.max(atUs, this.nowUs), run };
    // Behind everything that is due no later: most events are put near the end.
    let place = this.#events.length;
    while (place > 0 && this.#events[place - 1]!.atUs > event.atUs) place--;
    this.#events.splice(place, 0, event);
  }

  run(untilUs = Number.POSITIVE_INFINITY): void {
    while (this.#events.length > 0 && this.#events[0]!.atUs <= untilUs) {
      const event = this.#events.shift()!;
      this.nowUs = event.atUs;
      event.run();
    }
    if (Number.isFinite(untilUs)) this.nowUs = Math.max(this.nowUs, untilUs);
  }
}

/** What a simulated target does with one operation. */
export type Behaviour = (ticket: Ticket, simulation: Simulation) => void;

/** Answers after so long, whatever else happens. */
export const answersIn =
  (us: number, cause?: string): Behaviour =>
  (ticket, simulation) => {
    ticket.sentUs = simulation.nowUs;
    simulation.at(simulation.nowUs + us, () => ticket.settle(simulation.nowUs, cause));
  };

/**
 * A server that takes `serviceUs` for an answer, and holds every answer while (now mod periodUs) is in its last holdUs: what arrives then, or would be ready
 * then, is worked on when the hold ends.
 */
export const holds =
  ({ serviceUs, periodUs, holdUs }: { serviceUs: number; periodUs: number; holdUs: number }): Behaviour =>
  (ticket, simulation) => {
    ticket.sentUs = simulation.nowUs;
    const phase = simulation.nowUs % periodUs;
    const begins = phase >= periodUs - holdUs ? simulation.nowUs - phase + periodUs : simulation.nowUs;
    simulation.at(begins + serviceUs, () => ticket.settle(simulation.nowUs, undefined));
  };

export interface SimulatedRun {
  recorder: Recorder;
  windows: WindowSummary[];
  generator: Generator;
  simulation: Simulation;
}

/** One run against a simulated target on simulated time: the engine that workers run, driven by events instead of a pacer. */
export async function simulate(
  options: {
    ratePerSec: number;
    durationUs: number;
    warmupUs?: number;
    behaviour: Behaviour;
    /** Extra delays of the generator: when operation i may be pumped, µs. */
    pumpAtUs?: (dueUs: number) => number;
    stopAtUs?: number;
    abandonAtUs?: number;
    workers?: number;
  } & Partial<Pick<GeneratorOptions, "timeoutUs" | "maxInFlight" | "slowUs" | "loopBusy">>,
): Promise<SimulatedRun> {
  await prepareHistograms();
  const { ratePerSec, durationUs, warmupUs = 0, behaviour, pumpAtUs = (dueUs) => dueUs, workers = 1 } = options;
  const simulation = new Simulation();
  const schedule = constantRate({ ratePerSec, warmupUs, durationUs });
  const windows: WindowSummary[] = [];
  const due = (window: number) =>
    firstDueAt(schedule, Math.min(schedule.endUs, warmupUs + (window + 1) * 1e6)) - firstDueAt(schedule, warmupUs + window * 1e6);
  const recorder = new Recorder({
    dueIn: due,
    onWindow: (window) => windows.push(windowSummary(recordOf(window, 1000, ["search"]))),
  });
  const sink = recorder.sink(0);
  const operation: Operation = { start: (ticket) => behaviour(ticket, simulation), close: async () => {} };
  const generators = Array.from({ length: workers }, (_, first) => {
    const { timeoutUs = 5e6, maxInFlight = 1e6, slowUs = 1e6, loopBusy = () => 0 } = options;
    const stride = workers;
    return new Generator({
      schedule,
      first,
      stride,
      operation,
      sink,
      nowUs: () => simulation.nowUs,
      timeoutUs,
      maxInFlight,
      slowUs,
      loopBusy,
    });
  });
  for (const generator of generators) generator.start(0);
  for (let index = 0; index < schedule.total; index++)
    simulation.at(pumpAtUs(schedule.intendedUs(index)), () => generators[index % workers]!.pump());
  const endUs = schedule.endUs + (options.timeoutUs ?? 5e6);
  for (let atUs = 0; atUs <= endUs; atUs += 10_000)
    simulation.at(atUs, () => generators.forEach((generator) => generator.sweep()));
  if (options.stopAtUs !== undefined) simulation.at(options.stopAtUs, () => generators.forEach((generator) => generator.stop()));
  if (options.abandonAtUs !== undefined)
    simulation.at(options.abandonAtUs, () => generators.forEach((generator) => generator.abandon()));
  simulation.run();
  recorder.end();
  return { recorder, windows, generator: generators[0]!, simulation };
}
