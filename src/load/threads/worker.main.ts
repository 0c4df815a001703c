import { parentPort, workerData } from "node:worker_threads";
import { RagctlError } from "../../errors.ts";
import { realClock, seededRng } from "../../runtime.ts";
import { Generator } from "../generator.ts";
import { createOperation } from "../operations/index.ts";
import { LatencyHistogram, prepareHistograms } from "../recorder/histogram.ts";
import { SampleWriter } from "../recorder/samples.ts";
import { buildSchedule } from "../schedules/index.ts";
import type { Command, FromWorker, WorkerStart } from "./messages.ts";
import { threadCpuUs } from "./thread-cpu.ts";
import { wakeBoard } from "./wake.ts";

/** How far ahead of an operation a wake-up may come: for the rest of the way the loop spins. */
const spinUs = 80;
const sweepEveryMs = 10;
const flushEveryMs = 100;
/** Over this long the event loop's utilisation is taken, for saying whether it is saturated. */
const utilisationOverMs = 200;

const main = parentPort!;
const { spec, worker, slowUs, wake, alarm } = workerData as WorkerStart;
const nowUs = () => realClock.monotonicUs();
const post = (message: FromWorker) => main.postMessage(message);

try {
  await run();
} catch (error) {
  if (!(error instanceof RagctlError)) throw error;
  const { message, code, exitCode, hint, details } = error;
  post({ type: "failed", error: { message, options: { code, exitCode, details, ...(hint !== undefined && { hint }) } } });
  alarm.close();
}

async function run(): Promise<void> {
  const board = wakeBoard(wake, spec.workers);
  const schedule = buildSchedule(spec.schedule);
  await prepareHistograms();
  const maxInFlight = Math.max(1, Math.ceil(spec.maxInFlight / spec.workers));
  const delay = new LatencyHistogram();
  const operation = await createOperation(spec.operation, {
    clock: realClock,
    nowUs,
    rng: seededRng(spec.seed + worker),
    seed: spec.seed,
    timeoutMs: Math.ceil(spec.timeoutUs / 1000),
    maxInFlight,
    purpose: `load worker ${worker + 1}`,
  });
  const samples = new SampleWriter((chunk) =>
    main.postMessage({ type: "samples", chunk } satisfies FromWorker, [chunk.records.buffer]),
  );
  const busy = utilisation();
  const generator = new Generator({
    schedule,
    first: worker,
    stride: spec.workers,
    operation,
    sink: samples,
    nowUs,
    timeoutUs: spec.timeoutUs,
    maxInFlight,
    slowUs,
    loopBusy: () => busy.recent,
  });

  alarm.on("message", () => {
    const wokenUs = nowUs();
    Atomics.store(board.armed, worker, 1);
    const tookUs = wokenUs - board.postedUs[worker]!;
    board.wakeUs[worker] = tookUs;
    delay.record(tookUs);
    const dueUs = generator.nextDueUs;
    if (dueUs - wokenUs < spinUs) while (nowUs() < dueUs);
    generator.pump();
  });

  let flushedUs = nowUs();
  let timer: NodeJS.Timeout | undefined;
  const tick = () => {
    generator.pump();
    generator.sweep();
    busy.look();
    if (nowUs() - flushedUs >= flushEveryMs * 1000 || generator.finished) {
      samples.flush();
      flushedUs = nowUs();
    }
    if (generator.finished) finish();
  };

  let cpuAtStartUs: number | undefined;
  let startedUs = 0;
  let ended = false;
  const finish = () => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    samples.flush();
    const elapsedUs = Math.max(1, nowUs() - startedUs);
    const cpuUs = threadCpuUs(process);
    const { p50, p99, max } = delay.summary();
    post({
      type: "done",
      report: {
        busy: busy.overall(),
        cpu: cpuUs === undefined || cpuAtStartUs === undefined ? null : (cpuUs - cpuAtStartUs) / elapsedUs,
        eventLoopDelayUs: { p50, p99, max },
        connectionsOpened: operation.connectionsOpened?.() ?? null,
        lastSentUs: generator.lastSentUs,
        lastEndUs: generator.lastEndUs,
      },
    });
    alarm.close();
    main.close();
    void operation.close();
  };

  main.on("message", (command: Command) => {
    switch (command.type) {
      case "go":
        startedUs = nowUs();
        cpuAtStartUs = threadCpuUs(process);
        busy.begin();
        generator.start(command.startUs);
        timer = setInterval(tick, sweepEveryMs);
        Atomics.store(board.armed, worker, 1);
        break;
      case "stop":
        generator.stop();
        break;
      case "abandon":
        generator.stop();
        generator.sweep();
        generator.abandon();
        finish();
    }
  });
  post({ type: "ready" });
}

/** How busy this thread's event loop is: lately, and since the start. */
function utilisation() {
  let first = performance.eventLoopUtilization();
  let last = first;
  let lastUs = nowUs();
  return {
    recent: 0,
    begin() {
      first = performance.eventLoopUtilization();
    },
    look() {
      if (nowUs() - lastUs < utilisationOverMs * 1000) return;
      const current = performance.eventLoopUtilization();
      this.recent = performance.eventLoopUtilization(current, last).utilization;
      last = current;
      lastUs = nowUs();
    },
    overall: () => performance.eventLoopUtilization(performance.eventLoopUtilization(), first).utilization,
  };
}
