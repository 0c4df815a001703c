import type { Clock, Rng } from "../../runtime.ts";
import type { Leave, RequestLimiter } from "./contract.ts";
import type { SharedPlaces } from "./redis-places.ts";

/** How long to keep to this process' own limit before Redis is asked again. */
const askAgainMs = 5000;
/** Somebody else may give a place back early: nobody sleeps through that for long. */
const longestSleepMs = 250;

/**
 * Keeps a rate together with other processes. This process' own limit comes first, so that a Redis that is gone leaves the
 * same limit for this process alone: said once each time it happens.
 */
export function sharedLimiter(deps: {
  own: RequestLimiter;
  shared: SharedPlaces;
  clock: Clock;
  rng: Rng;
  /** Unlike those of all other processes. */
  name: string;
  warn: (text: string) => void;
  close?: () => Promise<void>;
}): RequestLimiter {
  const { own, shared, clock, rng, name } = deps;
  let aloneUntilMs = 0;
  let alone = false;
  let count = 0;
  /** One request of this process at a time asks Redis: they come in turn, and ask no more often than one would. */
  let turn: Promise<unknown> = Promise.resolve();

  async function failed(error: unknown): Promise<void> {
    aloneUntilMs = clock.nowMs() + askAgainMs;
    if (!alone)
      deps.warn(
        `the embedder's rate is kept by this process alone, since its Redis does not answer (${(error as Error).message}); other processes may add to it`,
      );
    alone = true;
  }

  /** The name that holds a shared place; undefined where this process is on its own. */
  async function takeShared(signal: AbortSignal | undefined): Promise<string | undefined> {
    const request = `${name}.${++count}`;
    while (clock.nowMs() >= aloneUntilMs) {
      let waitMs: number;
      try {
        waitMs = await shared.take(request);
      } catch (error) {
        await failed(error);
        break;
      }
      if (alone) deps.warn("the embedder's rate is shared with other processes again: its Redis answers");
      alone = false;
      if (waitMs === 0) return request;
      await clock.sleep(Math.min(longestSleepMs, waitMs) * (1 + rng() / 10), signal);
    }
    return undefined;
  }

  return {
    async enter(signal): Promise<Leave> {
      const leave = await own.enter(signal);
      const mine = turn.then(() => takeShared(signal));
      turn = mine.catch(() => undefined);
      try {
        const request = await mine;
        return {
          done() {
            leave.done();
            if (request !== undefined) shared.giveBack(request).catch(failed);
          },
        };
      } catch (error) {
        leave.done();
        throw error;
      }
    },
    async close() {
      await own.close();
      await deps.close?.();
    },
  };
}
