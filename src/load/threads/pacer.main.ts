import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { realClock } from "../../runtime.ts";
import { buildSchedule } from "../schedules/index.ts";
import { earlyUs, initialAlarm, keepToBudget, leadUs, sleptOver, wokeAfter } from "./alarm.ts";
import type { Command, FromPacer, PacerStart } from "./messages.ts";
import { threadCpuUs } from "./thread-cpu.ts";
import { wakeOnTime } from "./timer-slack.ts";
import { wakeBoard } from "./wake.ts";

/** Above 4,000 wake-ups a second a pacer only takes processor time from what it paces; then operations are due in small groups. */
const minGapUs = 249;
/** The same while the workers have not even taken the last message: at such rates they find what is due by themselves. */
const busyGapUs = 2000;
const budgetEveryUs = 100_000;

const main = parentPort!;
const { schedule: scheduleSpec, workers, wake, alarms } = workerData as PacerStart;
const schedule = buildSchedule(scheduleSpec);
const board = wakeBoard(wake, workers);

main.once("message", (command: Command) => {
  if (command.type === "go") pace(command.startUs);
  for (const alarm of alarms) alarm.close();
});
wakeOnTime();
post({ type: "ready" });

/** Blocks this thread until everything has been due, or the board says stop. */
function pace(startUs: number): void {
  let alarm = initialAlarm;
  let wakes = 0;
  let spunUs = 0;
  const beganUs = realClock.monotonicUs();
  const cpuAtStartUs = threadCpuUs(process);
  let checkedUs = beganUs;
  let cpuAtCheckUs = cpuAtStartUs;

  const dueAt = (index: number) => startUs + schedule.intendedUs(index);
  let rung = 0;
  let workersBusy = false;

  for (let index = 0; index < schedule.total;) {
    const dueUs = dueAt(index);
    const postUs = dueUs - leadUs(alarm);
    const wakeUs = postUs - (workersBusy ? 0 : earlyUs(alarm));
    let nowUs = realClock.monotonicUs();
    if (nowUs < wakeUs) {
      if (Atomics.wait(board.stop, 0, 0, (wakeUs - nowUs) / 1000) !== "timed-out") break;
      nowUs = realClock.monotonicUs();
      alarm = sleptOver(alarm, nowUs - wakeUs);
    } else if (Atomics.load(board.stop, 0) !== 0) break;
    const spinFromUs = nowUs;
    while (nowUs < postUs) nowUs = realClock.monotonicUs();
    spunUs += nowUs - spinFromUs;

    // Where the pacer itself was late, everything that is due by now goes with this wake-up.
    while (index + 1 < schedule.total && dueAt(index + 1) <= nowUs) index++;
    const lastUs = dueAt(index);
    const posted = ring(rung, index + 1, nowUs);
    wakes += posted;
    alarm = wokeAfter(alarm, board.wakeUs[index % workers]!);
    rung = ++index;
    workersBusy = posted === 0;
    const gapUs = workersBusy ? busyGapUs : minGapUs;
    if (dueAt(index) < lastUs + minGapUs) while (index + 1 < schedule.total && dueAt(index) < lastUs + gapUs) index++;

    if (nowUs - checkedUs >= budgetEveryUs) {
      const cpuUs = threadCpuUs(process);
      if (cpuUs !== undefined && cpuAtCheckUs !== undefined)
        alarm = keepToBudget(alarm, (cpuUs - cpuAtCheckUs) / (nowUs - checkedUs));
      checkedUs = nowUs;
      cpuAtCheckUs = cpuUs;
    }
  }
  const cpuUs = threadCpuUs(process);
  const elapsedUs = Math.max(1, realClock.monotonicUs() - beganUs);
  post({
    type: "done",
    report: {
      cpu: cpuUs === undefined || cpuAtStartUs === undefined ? null : (cpuUs - cpuAtStartUs) / elapsedUs,
      wakes,
      oversleepUs: Math.round(alarm.oversleepUs),
      spinUs: wakes === 0 ? 0 : Math.round(spunUs / wakes),
    },
  });
}

/** Wakes the workers that have something due among these indexes. */
function ring(from: number, to: number, nowUs: number): number {
  let posted = 0;
  for (let index = from; index < Math.min(to, from + workers); index++) {
    const worker = index % workers;
    if (Atomics.exchange(board.armed, worker, 0) === 0) continue;
    board.postedUs[worker] = nowUs;
    const port: MessagePort = alarms[worker]!;
    port.postMessage(0);
    posted++;
  }
  return posted;
}

function post(message: FromPacer): void {
  main.postMessage(message);
}
