import { parentPort, workerData } from "node:worker_threads";
import { RagctlError } from "../../errors.ts";
import type { ClientEvent } from "../../cluster/events.ts";
import { realClock, seededRng } from "../../runtime.ts";
import { ClosedLoop } from "../closed/loop.ts";
import { mostUsers } from "../closed/users.ts";
import { Generator } from "../generator.ts";
import type { ObservedOperation } from "../observe.ts";
import { createOperation } from "../operations/index.ts";
import { LatencyHistogram, prepareHistograms } from "../recorder/histogram.ts";
import { SampleWriter } from "../recorder/samples.ts";
import { buildSchedule, isClosed } from "../schedules/index.ts";
import type { Command, FromWorker, WorkerStart } from "./messages.ts";
import { watchGc } from "./gc.ts";
import { threadCpuUs } from "./thread-cpu.ts";
import { wakeBoard } from "./wake.ts";

/** How far ahead of an operation a wake-up may come: for the rest of the way the loop spins. */
const spinUs = 80;
const sweepEveryMs = 10;
const flushEveryMs = 100;
/** Over this long the event loop's utilisation is taken, for saying whether it is saturated. */
const utilisationOverMs = 200;

const main = parentPort!;
const { scenario, worker, slowUs, wake, alarm, observe } = workerData as WorkerStart;
const nowUs = () => realClock.monotonicUs();
const post = (message: FromWorker) => main.postMessage(message);

try {
  await run();
} catch (error) {
  if (!(error instanceof RagctlError)) throw error;
  const { message, code, exitCode, hint, details } = error;
  post({ type: "failed", error: { message, options: { code, exitCode, details, ...(hint !== undefined && { hint }) } } });
  alarm?.close();
}

async function run(): Promise<void> {
  const { workers, executor, timeoutUs } = scenario;
  const board = wakeBoard(wake, workers);
  await prepareHistograms();
  const maxInFlight = isClosed(executor)
    ? Math.ceil(mostUsers(executor) / workers)
    : Math.max(1, Math.ceil(scenario.maxInFlight / workers));
  const delay = new LatencyHistogram();
  const observed: ObservedOperation[] = [];
  const clientEvents: ClientEvent[] = [];
  const operation = await createOperation(scenario.operation, {
    clock: realClock,
    nowUs,
    rng: seededRng(scenario.seed + worker),
    seed: scenario.seed,
    stride: workers,
    timeoutMs: Math.ceil(timeoutUs / 1000),
    maxInFlight,
    purpose: `load ${scenario.name} ${worker + 1}`,
    onClientEvent: (event) => void clientEvents.push(event),
    ...(observe && { observe: (each) => void observed.push({ scenario: scenario.name, ...each }) }),
  });
  const samples = new SampleWriter((chunk) =>
    main.postMessage({ type: "samples", chunk } satisfies FromWorker, [chunk.records.buffer]),
  );
  const busy = utilisation();
  const common = { first: worker, stride: workers, operation, sink: samples, nowUs, timeoutUs };
  const drive = isClosed(executor)
    ? new ClosedLoop({ ...common, spec: executor })
    : openLoop(new Generator({ ...common, schedule: buildSchedule(executor), maxInFlight, slowUs, loopBusy: () => busy.recent }));

  function openLoop(generator: Generator): Generator {
    alarm?.on("message", () => {
      const wokenUs = nowUs();
      Atomics.store(board.armed, worker, 1);
      const tookUs = wokenUs - board.postedUs[worker]!;
      board.wakeUs[worker] = tookUs;
      delay.record(tookUs);
      const dueUs = generator.nextDueUs;
      if (dueUs - wokenUs < spinUs) while (nowUs() < dueUs);
      generator.pump();
    });
    return generator;
  }

  let flushedUs = nowUs();
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    samples.flush();
    if (observed.length > 0) post({ type: "observed", operations: observed.splice(0) });
    if (clientEvents.length > 0) post({ type: "client", events: clientEvents.splice(0) });
    flushedUs = nowUs();
  };
  const tick = () => {
    drive.pump();
    drive.sweep();
    busy.look();
    if (nowUs() - flushedUs >= flushEveryMs * 1000 || drive.finished) flush();
    if (drive.finished) finish();
  };

  let cpuAtStartUs: number | undefined;
  let startedUs = 0;
  let gc: ReturnType<typeof watchGc> | undefined;
  let ended = false;
  const cutOff = new AbortController();
  const finish = () => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    flush();
    // What goes on behind the last answer may take one timeout more.
    const late = setTimeout(() => cutOff.abort(), timeoutUs / 1000);
    (operation.drain?.(cutOff.signal) ?? Promise.resolve()).then(
      () => {
        clearTimeout(late);
        report();
      },
      (error: unknown) => {
        throw error;
      },
    );
  };
  const report = () => {
    flush();
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
        gc: gc?.report(elapsedUs) ?? { share: 0, longestUs: 0, count: 0 },
        lastSentUs: drive.lastSentUs,
        lastEndUs: drive.lastEndUs,
      },
    });
    alarm?.close();
    main.close();
    void operation.close();
  };

  main.on("message", (command: Command) => {
    switch (command.type) {
      case "go":
        startedUs = nowUs();
        cpuAtStartUs = threadCpuUs(process);
        busy.begin();
        gc = watchGc();
        drive.start(command.startUs);
        timer = setInterval(tick, sweepEveryMs);
        Atomics.store(board.armed, worker, 1);
        break;
      case "stop":
        drive.stop();
        break;
      case "recycle":
        samples.recycle(command.records);
        break;
      case "abandon":
        drive.stop();
        drive.sweep();
        drive.abandon();
        cutOff.abort();
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
