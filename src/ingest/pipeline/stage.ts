import type { Clock } from "../../runtime.ts";
import { Level } from "./level.ts";
import type { BoundedQueue } from "./queue.ts";

/** What a stage does and waits for, as it happens. */
export interface StageMeter {
  readonly name: string;
  readonly workers: number;
  /** Units worked on: items, batches. */
  done: number;
  /** Workers with something in hand, and workers that wait for room in the next queue. The rest wait for input. */
  readonly busy: Level;
  readonly blocked: Level;
  /** What waits for this stage; absent for the first one. */
  readonly input?: Pick<BoundedQueue<unknown>, "capacity" | "length" | "peak" | "level">;
}

export function stageMeter(name: string, workers: number, clock: Clock, input?: StageMeter["input"]): StageMeter {
  return { name, workers, done: 0, busy: new Level(clock), blocked: new Level(clock), ...(input ? { input } : {}) };
}

/** Counts one worker at a level while it works. */
export async function during<T>(level: Level, work: () => Promise<T>): Promise<T> {
  level.set(level.value + 1);
  try {
    return await work();
  } finally {
    level.set(level.value - 1);
  }
}

export interface StageOptions<I, O> {
  meter: StageMeter;
  input: BoundedQueue<I>;
  output?: BoundedQueue<O>;
  /** Once true, input is taken and dropped, so that everything upstream can end. */
  dropping?: () => boolean;
  /** What it gives goes to the output, in order. */
  work(item: I): Promise<O[]>;
  /** After the last item: what is left to hand on. */
  flush?(): Promise<O[]>;
}

/** Runs a stage to the end of its input, with as many workers as the meter says, and closes its output. */
export async function runStage<I, O>(options: StageOptions<I, O>): Promise<void> {
  const { meter, input, output } = options;
  const handOn = async (made: O[]) => {
    if (output) for (const item of made) await during(meter.blocked, () => output.push(item));
  };
  const worker = async () => {
    for await (const item of input) {
      if (options.dropping?.()) continue;
      const made = await during(meter.busy, () => options.work(item));
      meter.done++;
      await handOn(made);
    }
  };
  await Promise.all(Array.from({ length: meter.workers }, worker));
  if (options.flush && !options.dropping?.()) await handOn(await options.flush());
  output?.close();
}

/** Runs the stages together. The first failure ends them all, and is what is thrown. */
export async function allOrFail(queues: readonly { fail(error: unknown): void }[], stages: Promise<void>[]): Promise<void> {
  let first: { error: unknown } | undefined;
  await Promise.all(
    stages.map((stage) =>
      stage.catch((error: unknown) => {
        first ??= { error };
        for (const queue of queues) queue.fail(error);
      }),
    ),
  );
  if (first) throw first.error;
}
