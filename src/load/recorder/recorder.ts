import type { NodeOutcome } from "../../cluster/contract.ts";
import { dropCauses, type DropCause } from "../contract.ts";
import type { SampleSink } from "../generator.ts";
import { LatencyHistogram, type LatencySummary } from "./histogram.ts";

/** The identities hold for every one of these: scheduled = sent + dropped, sent = completed + unfinished, completed = ok + errors. */
export interface Counts {
  scheduled: number;
  sent: number;
  completed: number;
  ok: number;
  errors: number;
  dropped: number;
  unfinished: number;
}

/** One second of the schedule: what was due in it, whenever it was answered. */
export interface WindowSummary {
  /** Seconds since the measurement began. */
  second: number;
  counts: Counts;
  responseTimeUs: { p50: number | null; p99: number | null; max: number | null };
  serviceTimeUs: { p50: number | null; p99: number | null; max: number | null };
  scheduleLagUs: { p50: number | null; p99: number | null; max: number | null };
  /** Response times of ok operations: HdrHistogram V2, compressed, base64. */
  responseHistogram: string;
}

export interface NodeFigures {
  node: string;
  requests: number;
  ok: number;
  errors: number;
  errorsByCause: Record<string, number>;
  serviceTimeUs: LatencySummary;
}

interface NodeTally {
  requests: number;
  ok: number;
  errorsByCause: Record<string, number>;
  service: LatencyHistogram;
}

class WindowTally {
  counts = noCounts();
  readonly response = new LatencyHistogram();
  readonly service = new LatencyHistogram();
  readonly lag = new LatencyHistogram();
}

/**
 * Counts a run: totals, and one-second windows that are closed, summarised and let go as soon as everything that was due in them has
 * an outcome, so that memory does not grow with the run.
 */
export class Recorder implements SampleSink {
  readonly counts = noCounts();
  readonly errorsByCause: Record<string, number> = {};
  readonly droppedByCause = Object.fromEntries(dropCauses.map((cause) => [cause, 0])) as Record<DropCause, number>;
  readonly response = new LatencyHistogram();
  readonly service = new LatencyHistogram();
  readonly lag = new LatencyHistogram();
  readonly #nodes = new Map<string, NodeTally>();
  readonly #open = new Map<number, WindowTally>();
  readonly #spare: WindowTally[] = [];
  readonly #dueIn: (window: number) => number;
  readonly #onWindow: (window: WindowSummary) => void;

  /** @param dueIn operations that the schedule has in a window @param onWindow called once a window, when it is complete */
  constructor(dueIn: (window: number) => number, onWindow: (window: WindowSummary) => void) {
    this.#dueIn = dueIn;
    this.#onWindow = onWindow;
  }

  settled(sample: {
    window: number;
    cause: string | undefined;
    responseUs: number;
    serviceUs: number;
    lagUs: number | undefined;
  }): void {
    const { window, cause, responseUs, serviceUs, lagUs } = sample;
    if (window < 0) return;
    const tally = this.#tally(window);
    for (const counts of [this.counts, tally.counts]) {
      counts.scheduled++;
      counts.sent++;
      counts.completed++;
      if (cause === undefined) counts.ok++;
      else counts.errors++;
    }
    if (lagUs !== undefined) {
      this.lag.record(lagUs);
      tally.lag.record(lagUs);
    }
    if (cause === undefined) {
      this.response.record(responseUs);
      tally.response.record(responseUs);
      this.service.record(serviceUs);
      tally.service.record(serviceUs);
    } else this.errorsByCause[cause] = (this.errorsByCause[cause] ?? 0) + 1;
    this.#closeIfComplete(window, tally);
  }

  dropped(window: number, cause: DropCause): void {
    if (window < 0) return;
    const tally = this.#tally(window);
    for (const counts of [this.counts, tally.counts]) {
      counts.scheduled++;
      counts.dropped++;
    }
    this.droppedByCause[cause]++;
    this.#closeIfComplete(window, tally);
  }

  unfinished(window: number): void {
    if (window < 0) return;
    const tally = this.#tally(window);
    for (const counts of [this.counts, tally.counts]) {
      counts.scheduled++;
      counts.sent++;
      counts.unfinished++;
    }
    this.#closeIfComplete(window, tally);
  }

  request(window: number, { node, outcome, sentUs, endUs }: NodeOutcome): void {
    if (window < 0) return;
    let tally = this.#nodes.get(node);
    if (!tally) this.#nodes.set(node, (tally = { requests: 0, ok: 0, errorsByCause: {}, service: new LatencyHistogram() }));
    tally.requests++;
    if (outcome === "ok") {
      tally.ok++;
      tally.service.record(endUs - sentUs);
    } else tally.errorsByCause[outcome] = (tally.errorsByCause[outcome] ?? 0) + 1;
  }

  /** Per node, by name. */
  nodes(): NodeFigures[] {
    return [...this.#nodes]
      .map(([node, { requests, ok, errorsByCause, service }]) => ({
        node,
        requests,
        ok,
        errors: requests - ok,
        errorsByCause,
        serviceTimeUs: service.summary(),
      }))
      .toSorted((a, b) => a.node.localeCompare(b.node));
  }

  /** What a live view shows of every node, by name. */
  nodesSoFar(): { node: string; requests: number; errors: number; serviceP99Us: number | undefined }[] {
    return [...this.#nodes]
      .map(([node, { requests, ok, service }]) => ({
        node,
        requests,
        errors: requests - ok,
        serviceP99Us: service.quantile(0.99),
      }))
      .toSorted((a, b) => a.node.localeCompare(b.node));
  }

  /** Closes the windows of a run that was cut short. */
  end(): void {
    for (const [window, tally] of [...this.#open].toSorted(([a], [b]) => a - b)) this.#close(window, tally);
  }

  destroy(): void {
    for (const { response, service, lag } of [...this.#spare, ...this.#open.values(), this])
      for (const histogram of [response, service, lag]) histogram.destroy();
    for (const { service } of this.#nodes.values()) service.destroy();
  }

  #tally(window: number): WindowTally {
    let tally = this.#open.get(window);
    if (!tally) this.#open.set(window, (tally = this.#spare.pop() ?? new WindowTally()));
    return tally;
  }

  #closeIfComplete(window: number, tally: WindowTally): void {
    if (tally.counts.scheduled >= this.#dueIn(window)) this.#close(window, tally);
  }

  #close(window: number, tally: WindowTally): void {
    this.#open.delete(window);
    this.#onWindow({
      second: window,
      counts: tally.counts,
      responseTimeUs: brief(tally.response),
      serviceTimeUs: brief(tally.service),
      scheduleLagUs: brief(tally.lag),
      responseHistogram: tally.response.encode(),
    });
    tally.counts = noCounts();
    for (const histogram of [tally.response, tally.service, tally.lag]) histogram.reset();
    this.#spare.push(tally);
  }
}

function brief(histogram: LatencyHistogram): { p50: number | null; p99: number | null; max: number | null } {
  const { p50, p99, max } = histogram.summary();
  return { p50, p99, max };
}

function noCounts(): Counts {
  return { scheduled: 0, sent: 0, completed: 0, ok: 0, errors: 0, dropped: 0, unfinished: 0 };
}
