import { runAfter, type Clock } from "../../runtime.ts";
import type { Leave, RateWindow, RequestLimiter } from "./contract.ts";
import { Places } from "./places.ts";

/** Keeps a rate for this process alone. */
export function localLimiter(window: RateWindow, clock: Clock): RequestLimiter {
  const places = new Places(window);
  const nowMs = () => clock.monotonicUs() / 1000;
  const waiting: ((place: number) => void)[] = [];
  let cancelTimer = () => {};

  function admit(): void {
    cancelTimer();
    while (waiting.length > 0) {
      const taken = places.take(nowMs());
      if ("waitMs" in taken) {
        // Where no place is about to be free, whoever gives one back calls again.
        if (Number.isFinite(taken.waitMs)) cancelTimer = runAfter(clock, Math.max(1, taken.waitMs), admit);
        return;
      }
      waiting.shift()!(taken.place);
    }
  }

  function leave(place: number): Leave {
    return {
      done() {
        places.giveBack(place, nowMs());
        admit();
      },
    };
  }

  return {
    async enter(signal) {
      signal?.throwIfAborted();
      const turn = Promise.withResolvers<number>();
      const onAbort = () => {
        const at = waiting.indexOf(turn.resolve);
        if (at === -1) return;
        waiting.splice(at, 1);
        turn.reject(signal!.reason);
      };
      waiting.push(turn.resolve);
      signal?.addEventListener("abort", onAbort, { once: true });
      admit();
      try {
        return leave(await turn.promise);
      } finally {
        signal?.removeEventListener("abort", onAbort);
      }
    },
    async close() {
      cancelTimer();
    },
  };
}
