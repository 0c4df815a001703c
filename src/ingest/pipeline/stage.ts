import type { Clock } from "../../runtime.ts";
import type { BoundedQueue } from "./queue.ts";

/** What a stage did and waited for, as it happens. */
export interface StageMeter {
  readonly name: string;
  readonly concurrency: number;
  /** Units worked on: items, batches. */
  done: number;
  /** Summed over the workers, µs: working, and waiting for room in the next queue. The rest is waiting for input. */
  busyUs: number;
  blockedUs: number;
  /** What waits for this stage; absent for the first one. */
  readonly input?: QueueLevels;
}

/** How full a queue is, and was at most. */
export interface QueueLevels {
  readonly capacity: number;
  readonly length: number;
  readonly peak: number;
  readonly meanFill: number;
}

export function stageMeter(name: string, concurrency: number, input?: QueueLevels): StageMeter {
  return { name, concurrency, done: 0, busyUs: 0, blockedUs: 0, ...(input ? { input } : {}) };
}

/** Times one piece of work for the meter. */
export async function timed<T>(
  meter: StageMeter,
  kind: "busyUs" | "blockedUs",
  clock: Clock,
  work: () => Promise<T>,
): Promise<T> {
  const startUs = clock.monotonicUs();
  try {
    return await work();
  } finally {
    meter[kind] += clock.monotonicUs() - startUs;
  }
}

export interface StageOptions<I, O> {
  meter: StageMeter;
  input: BoundedQueue<I>;
  output?: BoundedQueue<O>;
  clock: Clock;
  /** Once true, input is taken and dropped, so that everything upstream can end. */
  dropping?: () => boolean;
  /** What it gives goes to the output, in order. */
  work(item: I): Promise<O[]>;
  /** After the last item: what is left to hand on. */
  flush?(): Promise<O[]>;
}

/** Runs a stage to the end of its input, with as many workers as the meter says, and closes its output. */
export async function runStage<I, O>(options: StageOptions<I, O>): Promise<void> {
  const { meter, input, output, clock } = options;
  const handOn = async (made: O[]) => {
    if (output) for (const item of made) await timed(meter, "blockedUs", clock, () => output.push(item));
  };
  const worker = async () => {
    for await (const item of input) {
      if (options.dropping?.()) continue;
      const made = await timed(meter, "busyUs", clock, () => options.work(item));
      meter.done++;
      await handOn(made);
    }
  };
  await Promise.all(Array.from({ length: meter.concurrency }, worker));
  if (options.flush && !options.dropping?.()) await handOn(await options.flush());
  output?.close();
}

/**
 * Which stage holds up the others: the last one whose queue is mostly full. All before it wait for room, all behind it for
 * input. Where no queue fills up, it is the first.
 * @param meters in the order of the pipeline
 */
export function bottleneck(meters: readonly StageMeter[]): StageMeter | undefined {
  return meters.findLast(({ input }) => input !== undefined && input.meanFill >= 0.5) ?? meters[0];
}
