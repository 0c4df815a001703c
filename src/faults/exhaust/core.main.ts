// A worker thread that keeps one core busy for a share of the time, until its process ends. Data: the share.
import { workerData } from "node:worker_threads";
import { realClock } from "../../runtime.ts";
import { dutyOf, periodMs } from "./duty.ts";

const share = workerData as number;
const nowMs = () => realClock.monotonicUs() / 1000;
const rest = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  const startMs = nowMs();
  const { spinMs, restMs } = dutyOf(share, startMs % periodMs);
  while (nowMs() < startMs + spinMs);
  if (restMs > 0) Atomics.wait(rest, 0, 0, restMs);
}
