import type { StageMeter } from "./stage.ts";

/** A stage over some stretch of time; shares in [0, 1]. */
export interface StageUse {
  name: string;
  /** Of its workers' time: with something in hand. */
  busy: number;
  /** Of its workers' time: waiting for room in the next queue. */
  blocked: number;
  /** How full its input queue was, on average; undefined for the first stage, which has none. */
  fill: number | undefined;
}

/** What the meters and counters stood at, at one moment. */
interface Reading {
  atUs: number;
  bytes: number;
  chunks: number;
  stages: { busyUs: number; blockedUs: number; queuedUs: number }[];
}

/** The last seconds of a run: what holds it up now, and how fast it goes now, whatever it did before. */
export class RecentWindow {
  readonly #meters: readonly StageMeter[];
  readonly #spanUs: number;
  readonly #stepUs: number;
  #readings: Reading[] = [];

  /** @param spanMs how far back it looks; it keeps ten readings of that time */
  constructor(meters: readonly StageMeter[], spanMs = 5000) {
    this.#meters = meters;
    this.#spanUs = spanMs * 1000;
    this.#stepUs = this.#spanUs / 10;
  }

  /** Takes a reading where the last one is old enough. Cheap, so that it may be called after every piece of work. */
  observe(atUs: number, counters: { bytes: number; chunks: number }): void {
    const last = this.#readings.at(-1);
    if (last && atUs - last.atUs < this.#stepUs) return;
    this.#readings.push(this.#read(atUs, counters));
    while (this.#readings.length > 2 && this.#readings[1]!.atUs <= atUs - this.#spanUs) this.#readings.shift();
  }

  /** From the oldest reading kept until now; undefined before any time has passed. */
  now(atUs: number, counters: { bytes: number; chunks: number }): RecentUse | undefined {
    const from = this.#readings[0];
    if (!from || atUs <= from.atUs) return undefined;
    const to = this.#read(atUs, counters);
    const spanUs = atUs - from.atUs;
    return {
      bytesPerSec: ((to.bytes - from.bytes) / spanUs) * 1e6,
      chunksPerSec: ((to.chunks - from.chunks) / spanUs) * 1e6,
      stages: this.#meters.map(({ name, workers, input }, at) => {
        const [before, after] = [from.stages[at]!, to.stages[at]!];
        return {
          name,
          busy: (after.busyUs - before.busyUs) / (spanUs * workers),
          blocked: (after.blockedUs - before.blockedUs) / (spanUs * workers),
          fill: input && (after.queuedUs - before.queuedUs) / (spanUs * input.capacity),
        };
      }),
    };
  }

  #read(atUs: number, { bytes, chunks }: { bytes: number; chunks: number }): Reading {
    const stages = this.#meters.map(({ busy, blocked, input }) => ({
      busyUs: busy.integralUs,
      blockedUs: blocked.integralUs,
      queuedUs: input?.level.integralUs ?? 0,
    }));
    return { atUs, bytes, chunks, stages };
  }
}

export interface RecentUse {
  bytesPerSec: number;
  chunksPerSec: number;
  stages: StageUse[];
}

/**
 * Which stage holds up the others: the last one whose queue is at least half full. All before it wait for room, all behind
 * it for input. Where no queue fills up, it is the first.
 * @param stages in the order of the pipeline
 */
export function bottleneckOf(stages: readonly StageUse[]): string | undefined {
  return (stages.findLast(({ fill }) => fill !== undefined && fill >= 0.5) ?? stages[0])?.name;
}

/** Milliseconds that are left at the recent rate; undefined where nothing moves, or nobody knows how much there is. */
export function etaMs(input: { doneBytes: number; totalBytes: number; bytesPerSec: number }): number | undefined {
  const { doneBytes, totalBytes, bytesPerSec } = input;
  if (totalBytes === 0 || doneBytes >= totalBytes || bytesPerSec <= 0) return undefined;
  return ((totalBytes - doneBytes) / bytesPerSec) * 1000;
}
