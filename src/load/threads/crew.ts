import { MessageChannel, Worker, type MessagePort } from "node:worker_threads";
import type { ClientEvent } from "../../cluster/events.ts";
import { entryPath } from "../../entry.ts";
import { RagctlError } from "../../errors.ts";
import type { ScenarioSpec } from "../contract.ts";
import type { ObservedOperation } from "../observe.ts";
import type { SampleChunk } from "../recorder/samples.ts";
import type { Command, FromPacer, FromWorker, PacerReport, PacerStart, WorkerReport, WorkerStart } from "./messages.ts";
import { isClosed } from "../schedules/index.ts";
import { wakeBoard, wakeBytes } from "./wake.ts";

export interface Crew {
  /** @param startUs monotonic time of offset 0 of the schedule */
  go(startUs: number): void;
  /** Nothing more is sent; what is under way may end. */
  stop(): void;
  /** What is under way is given up. */
  abandon(): void;
  /** Resolves when every thread has reported; rejects when one failed. */
  readonly done: Promise<{ workers: WorkerReport[]; pacer: PacerReport | undefined }>;
  terminate(): Promise<void>;
}

export interface CrewListeners {
  /** What worker i measured. */
  onSamples: (worker: number, chunk: SampleChunk) => void;
  onObserved?: (operations: ObservedOperation[]) => void;
  onClientEvents?: (events: ClientEvent[]) => void;
}

/**
 * Starts the threads of one scenario, each ready to go: its workers and, where its executor is open, their pacer.
 * @throws RagctlError that a worker's operation met while it was set up
 */
export async function startCrew(scenario: ScenarioSpec, slowUs: number, listeners: CrewListeners): Promise<Crew> {
  const { workers: count, executor } = scenario;
  const wake = new SharedArrayBuffer(wakeBytes(count));
  const board = wakeBoard(wake, count);
  const paced = isClosed(executor)
    ? undefined
    : { schedule: executor, channels: Array.from({ length: count }, () => new MessageChannel()) };

  const workers = Array.from({ length: count }, (_, worker) => {
    const alarm = paced?.channels[worker]!.port1;
    const workerData: WorkerStart = { scenario, worker, slowUs, wake, alarm, observe: listeners.onObserved !== undefined };
    const handle = startThread<FromWorker, WorkerReport>("./worker.main", workerData, alarm ? [alarm] : [], (message) => {
      if (message.type === "samples") {
        const { chunk } = message;
        listeners.onSamples(worker, chunk);
        const { records } = chunk;
        handle.thread.postMessage({ type: "recycle", records } satisfies Command, [records.buffer]);
      } else if (message.type === "observed") listeners.onObserved?.(message.operations);
      else if (message.type === "client") listeners.onClientEvents?.(message.events);
    });
    return handle;
  });
  const startPacer = ({ schedule, channels }: NonNullable<typeof paced>) => {
    const alarms = channels.map(({ port2 }) => port2);
    const pacerData: PacerStart = { schedule, workers: count, wake, alarms };
    return startThread<FromPacer, PacerReport>("./pacer.main", pacerData, alarms, () => {});
  };
  const pacer = paced && startPacer(paced);
  const threads = [...workers, ...(pacer ? [pacer] : [])];
  const terminate = async () => void (await Promise.all(threads.map(({ thread }) => thread.terminate())));

  try {
    await Promise.all(threads.map(({ ready }) => ready));
  } catch (error) {
    await terminate();
    throw error;
  }
  const tell = (command: Command) => {
    for (const { thread } of workers) thread.postMessage(command);
  };
  const stopPacer = () => {
    Atomics.store(board.stop, 0, 1);
    Atomics.notify(board.stop, 0);
  };
  return {
    go(startUs) {
      tell({ type: "go", startUs });
      pacer?.thread.postMessage({ type: "go", startUs } satisfies Command);
    },
    stop() {
      stopPacer();
      tell({ type: "stop" });
    },
    abandon() {
      stopPacer();
      tell({ type: "abandon" });
    },
    done: finished(workers, pacer, stopPacer),
    terminate,
  };
}

async function finished(
  workers: ThreadHandle<WorkerReport>[],
  pacer: ThreadHandle<PacerReport> | undefined,
  stopPacer: () => void,
): Promise<{ workers: WorkerReport[]; pacer: PacerReport | undefined }> {
  const reports = await Promise.all(workers.map(({ done }) => done));
  stopPacer();
  return { workers: reports, pacer: await pacer?.done };
}

interface ThreadHandle<R> {
  thread: Worker;
  ready: Promise<void>;
  done: Promise<R>;
}

type ThreadMessage<R> = { type: "ready" } | { type: "done"; report: R };

function startThread<M extends FromWorker | FromPacer, R>(
  entry: string,
  workerData: unknown,
  transferList: MessagePort[],
  onOther: (message: M) => void,
): ThreadHandle<R> {
  const thread = new Worker(entryPath(import.meta.url, entry), { workerData, transferList });
  const ready = Promise.withResolvers<void>();
  const done = Promise.withResolvers<R>();
  // Whoever waits for either hears of it; nobody waiting is no reason to crash.
  ready.promise.catch(() => {});
  done.promise.catch(() => {});
  const fail = (error: Error) => {
    ready.reject(error);
    done.reject(error);
  };
  thread.on("message", (message: M) => {
    if (message.type === "ready") ready.resolve();
    else if (message.type === "done") done.resolve((message as unknown as Extract<ThreadMessage<R>, { type: "done" }>).report);
    else if (message.type === "failed") fail(new RagctlError(message.error.message, message.error.options));
    else onOther(message);
  });
  thread.on("error", fail);
  thread.on("exit", (code) => fail(new Error(`a load thread ended with code ${code} before its work was done`)));
  return { thread, ready: ready.promise, done: done.promise };
}
