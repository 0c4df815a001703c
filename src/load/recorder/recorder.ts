import type { DropCause } from "../contract.ts";
import type { LatencySummary } from "./histogram.ts";
import type { SampleSink, SettledSample } from "./sink.ts";
import { noCounts, noDrops, Tally, type Counts } from "./tally.ts";
import { SplitTally } from "./window-tally.ts";

export type { Counts } from "./tally.ts";

export interface NodeFigures {
  node: string;
  requests: number;
  ok: number;
  errors: number;
  errorsByCause: Record<string, number>;
  serviceTimeUs: LatencySummary;
}

/** A window whose operations all have an outcome. Its tallies are used again: they are the listener's during the call alone. */
export interface ClosedWindow {
  index: number;
  /** All scenarios together. */
  all: Tally;
  split: SplitTally;
}

export interface RecorderOptions {
  /** How many scenarios the run has; 1 unless given. */
  scenarios?: number;
  /** Windows are this many ticks of the workers; 10 (a second) unless given. */
  ticksPerWindow?: number;
  /** How many windows there are, where that is known: what is measured after the last one closed counts in the totals alone. */
  windows?: number;
  /** Operations that are due in a window; Infinity where that is not known before (closed loops). */
  dueIn: (window: number) => number;
  /** Called once for each window that had operations, in order of time. */
  onWindow: (window: ClosedWindow) => void;
}

class OpenWindow {
  outcomes = 0;
  closed = false;
  readonly split = new SplitTally();
}

/**
 * Counts a run. Samples go into the window they were due in; a window is closed, handed on, added to the totals and used again
 * as soon as everything that was due in it has an outcome (or `closeBefore` says that nothing more comes), so that memory does not grow with the
 * run. Counts are up to date at any time; the histograms of the totals hold the closed windows.
 */
export class Recorder {
  /** Live. */
  readonly counts: Counts = noCounts();
  readonly errorsByCause: Record<string, number> = {};
  readonly droppedByCause: Record<DropCause, number> = noDrops();
  /** Of the closed windows. */
  readonly all = new Tally();
  readonly totals = new SplitTally();
  readonly #merged = new Tally();
  readonly #open = new Map<number, OpenWindow>();
  readonly #spare: OpenWindow[] = [];
  readonly #options: RecorderOptions;
  readonly #ticks: number;
  /** How many windows were ever held at a time: what the memory of a run depends on. */
  windowsHeld = 0;
  /** Windows below this are dealt with. */
  #next = 0;
  #seen = -1;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#ticks = options.ticksPerWindow ?? 10;
  }

  get response() {
    return this.all.response;
  }
  get service() {
    return this.all.service;
  }
  get lag() {
    return this.all.lag;
  }

  /** Where the samples of one scenario go. */
  sink(scenario: number): SampleSink {
    const windowOf = (tick: number) => Math.floor(tick / this.#ticks);
    return {
      settled: (sample) => this.#settled(windowOf(sample.window), scenario, sample),
      dropped: (tick, cause) => this.#dropped(windowOf(tick), scenario, cause),
      unfinished: (tick) => this.#unfinished(windowOf(tick), scenario),
      request: (tick, request) => {
        if (tick >= 0) this.#splitFor(windowOf(tick)).node(request.node).request(request);
      },
      measured: (tick, name, value) => {
        if (tick >= 0) this.#measured(windowOf(tick), scenario, name, value);
      },
    };
  }

  #settled(window: number, scenario: number, { cause, responseUs, serviceUs, lagUs, cache }: SettledSample): void {
    if (window < 0) return;
    const open = this.#windowAt(window);
    const tally = open.split.scenario(scenario);
    settle(this.counts, cause === undefined);
    settle(tally.counts, cause === undefined);
    if (lagUs !== undefined) tally.lag.record(lagUs);
    if (cause === undefined) {
      tally.response.record(responseUs);
      tally.service.record(serviceUs);
      if (cache !== undefined) {
        open.split.cache(cache).record(responseUs);
        tally.cached[cache] = (tally.cached[cache] ?? 0) + 1;
      }
    } else {
      this.errorsByCause[cause] = (this.errorsByCause[cause] ?? 0) + 1;
      tally.errorsByCause[cause] = (tally.errorsByCause[cause] ?? 0) + 1;
    }
    this.#outcome(window, open);
  }

  #dropped(window: number, scenario: number, cause: DropCause): void {
    if (window < 0) return;
    const open = this.#windowAt(window);
    const tally = open.split.scenario(scenario);
    for (const { counts, droppedByCause } of [this, tally]) {
      counts.scheduled++;
      counts.dropped++;
      droppedByCause[cause]++;
    }
    this.#outcome(window, open);
  }

  #unfinished(window: number, scenario: number): void {
    if (window < 0) return;
    const open = this.#windowAt(window);
    for (const counts of [this.counts, open.split.scenario(scenario).counts]) {
      counts.scheduled++;
      counts.sent++;
      counts.unfinished++;
    }
    this.#outcome(window, open);
  }

  #measured(window: number, scenario: number, name: string, value: number): void {
    const { scenarios = 1 } = this.#options;
    if (!this.#over) return this.#splitFor(window).scenario(scenario).measured(name, value);
    this.all.measured(name, value);
    if (scenarios > 1) this.totals.scenario(scenario).measured(name, value);
  }

  /** What belongs to an operation may come long after it was settled, and when every window is closed. */
  #splitFor(window: number): SplitTally {
    return this.#over ? this.totals : this.#windowAt(window).split;
  }
  get #over(): boolean {
    return this.#next >= (this.#options.windows ?? Number.POSITIVE_INFINITY);
  }

  /** Per node, by name. */
  nodes(): NodeFigures[] {
    return [...this.totals.nodes]
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

  /** Nothing more can come for windows before this one: their last operation's time is up. */
  closeBefore(window: number): void {
    for (const [index, open] of this.#open) if (index < window) open.closed = true;
    this.#handOn(window);
  }

  /** Closes the windows of a run that is over. */
  end(): void {
    this.closeBefore(Number.POSITIVE_INFINITY);
  }

  destroy(): void {
    this.all.destroy();
    this.#merged.destroy();
    for (const split of [this.totals, ...[...this.#spare, ...this.#open.values()].map(({ split }) => split)]) split.destroy();
  }

  /** What comes after its window was closed (an operation that outlived its timeout by far) counts in the first that is open. */
  #windowAt(window: number): OpenWindow {
    const index = Math.max(window, this.#next);
    let open = this.#open.get(index);
    if (!open) this.#open.set(index, (open = this.#spare.pop() ?? this.#newWindow()));
    if (index > this.#seen) this.#seen = index;
    return open;
  }

  #newWindow(): OpenWindow {
    this.windowsHeld++;
    return new OpenWindow();
  }

  #outcome(window: number, open: OpenWindow): void {
    // What comes too late for its window is none of those that this one waits for.
    if (window < this.#next) return;
    open.outcomes++;
    if (open.outcomes < this.#options.dueIn(window)) return;
    open.closed = true;
    if (window === this.#next || !this.#open.has(this.#next)) this.#handOn(0);
  }

  /** Hands on the windows that are closed, in order of time; those in which nothing was due are passed over. */
  #handOn(before: number): void {
    const end = Math.min(before, this.#seen + 1);
    for (; this.#next <= this.#seen; this.#next++) {
      const open = this.#open.get(this.#next);
      if (!open) {
        if (this.#next < end || this.#options.dueIn(this.#next) === 0) continue;
        return;
      }
      if (!open.closed) return;
      this.#close(this.#next, open);
    }
  }

  #close(index: number, open: OpenWindow): void {
    const { split } = open;
    const present = split.scenarios.filter((tally) => tally !== undefined);
    let all = present[0] ?? this.#merged;
    if (present.length > 1) {
      all = this.#merged;
      for (const tally of present) all.add(tally);
    }
    this.#options.onWindow({ index, all, split });
    this.all.add(all);
    if ((this.#options.scenarios ?? 1) > 1) this.totals.add(split);
    else this.totals.addNodesAndCaches(split);
    this.#merged.reset();
    this.#open.delete(index);
    open.outcomes = 0;
    open.closed = false;
    split.reset();
    this.#spare.push(open);
  }
}

function settle(counts: Counts, ok: boolean): void {
  counts.scheduled++;
  counts.sent++;
  counts.completed++;
  if (ok) counts.ok++;
  else counts.errors++;
}
