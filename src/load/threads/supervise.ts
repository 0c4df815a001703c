import type { Clock } from "../../runtime.ts";
import type { ScenarioCrews, ScenarioReport } from "../scenarios.ts";

const tickMs = 250;
/** Beyond the last timeout, for sweeps and messages. */
const drainSlackUs = 250_000;

export interface Supervision {
  clock: Clock;
  /** Monotonic: when the last operation is due. */
  lastDueUs: number;
  timeoutUs: number;
  /** First Ctrl-C: stop and drain. */
  signal: AbortSignal | undefined;
  /** Second: stop. */
  hardSignal: AbortSignal | undefined;
  /** Four times a second. */
  onTick: () => void;
}

export interface Ended {
  scenarios: ScenarioReport[];
  /** Monotonic: when the first Ctrl-C came. */
  interruptedAtUs: number | undefined;
}

/**
 * Sees a running crew to its end: ticks, drains on the first signal, gives up on the second, and
 * gives up on operations that have no outcome one timeout after the last was due.
 */
export async function supervise(
  crew: ScenarioCrews,
  { clock, lastDueUs, timeoutUs, signal, hardSignal, onTick }: Supervision,
): Promise<Ended> {
  let deadlineUs = lastDueUs + timeoutUs + drainSlackUs;
  let interruptedAtUs: number | undefined;
  const over = new AbortController();
  const drain = () => {
    interruptedAtUs = clock.monotonicUs();
    deadlineUs = Math.min(deadlineUs, interruptedAtUs + timeoutUs + drainSlackUs);
    crew.stop();
  };
  const abandon = () => crew.abandon();
  signal?.addEventListener("abort", drain, { once: true });
  hardSignal?.addEventListener("abort", abandon, { once: true });
  if (signal?.aborted) drain();
  if (hardSignal?.aborted) abandon();

  const watch = async () => {
    let abandoned = false;
    while (!over.signal.aborted) {
      await clock.sleep(tickMs, over.signal).catch(() => {});
      onTick();
      if (!abandoned && clock.monotonicUs() > deadlineUs) {
        abandoned = true;
        crew.abandon();
      }
    }
  };
  const watching = watch();
  try {
    return { ...(await crew.done), interruptedAtUs };
  } finally {
    over.abort();
    signal?.removeEventListener("abort", drain);
    hardSignal?.removeEventListener("abort", abandon);
    await watching;
  }
}
