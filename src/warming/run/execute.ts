import { RagctlError } from "../../errors.ts";
import { runAfter, type Clock, type Rng } from "../../runtime.ts";
import { mostAttempts, retryAfterMs } from "../pace/backoff.ts";
import { nextPace, startPace, type PaceLimits } from "../pace/controller.ts";
import { windowMs } from "../plan/duration.ts";
import { spread } from "../plan/spread.ts";
import type { ItemState, PaceSample, RunOutcome, RunProgress, WarmBackend, WarmCache } from "./contract.ts";
import { ItemQueue, type Item } from "./queue.ts";
import { PaceWindow } from "./window.ts";

export interface ExecuteOptions {
  /** In the order in which they are to be stored; `index` is their place in the plan. */
  items: readonly { index: number; query: string }[];
  pace: PaceLimits;
  /** The store's latency objective, µs. */
  objectiveUs: number;
  maxInFlight: number;
  /** Nothing more is begun once it has passed. */
  timeMs?: number;
}

export interface ExecuteDeps {
  backend: WarmBackend;
  cache: WarmCache;
  clock: Clock;
  rng: Rng;
  /** Nothing more is begun; what is under way ends. */
  signal: AbortSignal;
  /** What is under way is given up, too. */
  hardSignal: AbortSignal;
  /** Each query once, when it is done with. */
  onDone: (index: number, state: ItemState) => void;
  /** Once in a window. */
  onWindow?: (progress: RunProgress) => void;
}

/** Queries that are looked up and embedded together, ahead of their turn. */
const batchSize = 64;
/** What could not be sent when it was due is not caught up with beyond this: a burst is no pace. */
const longestDebtMs = 50;
const mostReasons = 10;
/** Nothing succeeded for so long, and something failed: this is no fail-over. */
const giveUpAfterMs = 30_000;

/** Warms queries one after the other at the pacer's rate, whatever became of earlier ones; what fails is tried again. */
export function execute(options: ExecuteOptions, deps: ExecuteDeps): Promise<RunOutcome> {
  return new Execution(options, deps).run();
}

class Execution {
  private readonly options: ExecuteOptions;
  private readonly deps: ExecuteDeps;
  private readonly startMs: number;
  private readonly queue = new ItemQueue();
  private readonly window: PaceWindow;
  private pace;
  private counts = { warmed: 0, skipped: 0, failed: 0 };
  private readonly retryReasons = new Map<string, number>();
  private readonly failureReasons = new Map<string, number>();
  private retriedQueries = 0;
  private readonly series: PaceSample[] = [];
  private readonly objections: RunOutcome["objections"] = {};
  private taken = 0;
  private preparing = false;
  private inFlight = 0;
  private evictionsBefore: number | undefined;
  private evictionsNow: number | undefined;
  private askingEvictions = false;
  private evicted = 0;
  private fatal: { error: unknown } | undefined;
  /** What failed since something last succeeded, and when that was. */
  private lastError: RagctlError | undefined;
  private lastGoodMs = 0;
  private wakeUp: (() => void) | undefined;

  constructor(options: ExecuteOptions, deps: ExecuteDeps) {
    this.options = options;
    this.deps = deps;
    this.startMs = deps.clock.monotonicUs() / 1000;
    this.window = new PaceWindow(options.objectiveUs);
    this.pace = startPace(options.pace);
  }

  async run(): Promise<RunOutcome> {
    const { clock, signal, cache } = this.deps;
    const wake = () => this.wake();
    signal.addEventListener("abort", wake);
    this.evictionsBefore = await cache.evictions();
    this.evictionsNow = this.evictionsBefore;
    let cancelTick = () => {};
    const tick = () => {
      this.closeWindow();
      cancelTick = runAfter(clock, windowMs, tick);
      this.wake();
    };
    cancelTick = runAfter(clock, windowMs, tick);
    try {
      const stopped = await this.loop();
      while (this.inFlight > 0) await this.waitMs(undefined);
      if (this.fatal) throw this.fatal.error;
      return this.outcome(stopped);
    } finally {
      cancelTick();
      signal.removeEventListener("abort", wake);
    }
  }

  private get nowMs(): number {
    return this.deps.clock.monotonicUs() / 1000 - this.startMs;
  }

  /** Sends until all is done, or something ends it. */
  private async loop(): Promise<RunOutcome["stopped"]> {
    const { items, maxInFlight, timeMs = Infinity } = this.options;
    let dueMs = 0;
    for (;;) {
      if (this.fatal) return "interrupted";
      if (this.deps.signal.aborted) return "interrupted";
      if (this.pace.full) return "cache-full";
      if (this.nowMs >= timeMs) return "time";
      if (this.taken < items.length && this.queue.readyCount < batchSize && !this.preparing) void this.prepare();
      const nothingLeft = this.taken === items.length && !this.preparing && this.queue.length === 0;
      if (nothingLeft && this.inFlight === 0) return "done";
      const now = this.nowMs;
      if (dueMs > now + 0.05) {
        await this.waitMs(Math.min(dueMs, timeMs) - now);
        continue;
      }
      const item = this.inFlight < maxInFlight ? this.queue.next(now) : undefined;
      if (!item) {
        const retryAt = this.queue.nextAtMs();
        await this.waitMs(retryAt === undefined ? undefined : Math.max(1, retryAt - now));
        continue;
      }
      dueMs = Math.max(dueMs, now - longestDebtMs) + 1000 / this.pace.ratePerSec;
      this.inFlight++;
      void this.warm(item).finally(() => {
        this.inFlight--;
        this.wake();
      });
    }
  }

  /** Looks the next queries up, and embeds those that are not warm. */
  private async prepare(): Promise<void> {
    const { backend, cache } = this.deps;
    this.preparing = true;
    const batch = this.options.items.slice(this.taken, this.taken + batchSize);
    this.taken += batch.length;
    try {
      const found = await cache.look(batch.map(({ query }) => query));
      const stale = batch.flatMap(({ index, query }, at): Item[] => {
        const { fresh, vector } = found[at]!;
        if (!fresh) return [{ index, query, attempts: 0, notBeforeMs: 0, ...(vector && { vector }) }];
        this.finish(index, "skipped");
        return [];
      });
      this.queue.push(backend.embed ? await this.embedded(stale) : stale);
    } catch (error) {
      // What was cut short by Ctrl-C is left for the next attempt.
      if (!this.deps.signal.aborted) this.fatal ??= { error };
    } finally {
      this.preparing = false;
      this.wake();
    }
  }

  /** With their vectors, and so that the parts of the store take turns. */
  private async embedded(items: Item[]): Promise<Item[]> {
    const { backend } = this.deps;
    const without = items.filter(({ vector }) => !vector);
    if (without.length > 0) {
      const vectors = await backend.embed!(without.map(({ query }) => query));
      for (const [at, item] of without.entries()) {
        const vector = vectors[at];
        if (vector) item.vector = vector;
        else {
          addTo(this.failureReasons, "the embedder does not take it");
          this.finish(item.index, "failed");
        }
      }
    }
    const able = items.filter(({ vector }) => vector);
    return backend.placeOf ? spread(able, ({ vector }) => backend.placeOf!(vector!)) : able;
  }

  private async warm(item: Item): Promise<void> {
    const { backend, cache, clock, hardSignal } = this.deps;
    item.attempts++;
    let step: "storeFailures" | "cacheFailures" = "storeFailures";
    try {
      if (!item.made) {
        const sentUs = clock.monotonicUs();
        const { result } = await backend.answer(item.query, item.vector, hardSignal);
        const computeUs = clock.monotonicUs() - sentUs;
        this.window.searched(computeUs);
        item.made = { result, computeUs };
      }
      step = "cacheFailures";
      const { result, computeUs } = item.made;
      if (result) await cache.store(item.query, { result, vector: item.vector, computeUs });
      this.window.count("stored");
      this.lastGoodMs = this.nowMs;
      this.lastError = undefined;
      this.finish(item.index, "warmed");
    } catch (error) {
      if (hardSignal.aborted) return;
      // What is no error of the product is a bug, and is shown as one.
      if (!(error instanceof RagctlError)) {
        this.fatal ??= { error };
        return;
      }
      this.window.count(step);
      this.tryAgain(item, error);
    }
  }

  private tryAgain(item: Item, error: RagctlError): void {
    this.lastError = error;
    // Usage errors (a vector of another dimension) stay what they are.
    if (error.exitCode === 2) {
      this.fatal ??= { error };
    } else if (item.attempts >= mostAttempts) {
      addTo(this.failureReasons, error.message);
      this.finish(item.index, "failed");
    } else {
      if (item.attempts === 1) this.retriedQueries++;
      addTo(this.retryReasons, error.message);
      item.notBeforeMs = this.nowMs + retryAfterMs(item.attempts, this.deps.rng());
      this.queue.retry(item);
    }
  }

  private finish(index: number, state: ItemState): void {
    this.counts[state]++;
    this.deps.onDone(index, state);
  }

  /** A cache that hangs answers late, and holds up no window: what it said last counts. */
  private async askEvictions(): Promise<void> {
    if (this.askingEvictions) return;
    this.askingEvictions = true;
    try {
      this.evictionsNow = await this.deps.cache.evictions();
    } catch (error) {
      this.fatal ??= { error };
    } finally {
      this.askingEvictions = false;
    }
  }

  private closeWindow(): void {
    const evictions = this.evictionsNow;
    void this.askEvictions();
    let evicted = 0;
    if (evictions !== undefined) {
      // A fail-over puts a server in place whose counter is another one.
      if (this.evictionsBefore !== undefined) evicted = Math.max(0, evictions - this.evictionsBefore);
      this.evictionsBefore = evictions;
    }
    this.evicted += evicted;
    const { observed, p99Us } = this.window.take(evicted);
    const { ratePerSec } = this.pace;
    this.pace = nextPace(this.pace, observed, this.options.pace);
    const { objection } = this.pace;
    if (objection) this.objections[objection] = (this.objections[objection] ?? 0) + 1;
    this.series.push({ atMs: this.nowMs, ratePerSec, searches: observed.searches, p99Us, objection: objection ?? null });
    if (this.lastError && this.nowMs - this.lastGoodMs > giveUpAfterMs) this.fatal ??= { error: this.lastError };
    const { warmed, skipped, failed } = this.counts;
    const done = warmed + skipped + failed;
    this.deps.onWindow?.({ done, warmed, skipped, failed, ratePerSec: this.pace.ratePerSec, objection });
  }

  private outcome(stopped: RunOutcome["stopped"]): RunOutcome {
    const attempts = [...this.retryReasons.values()].reduce((sum, count) => sum + count, 0);
    return {
      ...this.counts,
      retried: { queries: this.retriedQueries, attempts, reasons: reasonsOf(this.retryReasons) },
      failures: reasonsOf(this.failureReasons),
      stopped,
      series: this.series,
      objections: this.objections,
      evicted: this.evicted,
      elapsedMs: this.nowMs,
    };
  }

  private wake(): void {
    this.wakeUp?.();
  }

  /** Until something happens, or the time has passed. */
  private waitMs(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const cancel = ms === undefined ? () => {} : runAfter(this.deps.clock, ms, () => this.wakeUp?.());
      this.wakeUp = () => {
        this.wakeUp = undefined;
        cancel();
        resolve();
      };
    });
  }
}

function addTo(reasons: Map<string, number>, reason: string): void {
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}

function reasonsOf(reasons: ReadonlyMap<string, number>): { reason: string; count: number }[] {
  return [...reasons]
    .map(([reason, count]) => ({ reason, count }))
    .toSorted((a, b) => b.count - a.count)
    .slice(0, mostReasons);
}
