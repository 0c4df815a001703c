import type { Clock } from "../../runtime.ts";
import type { FarStore, FarTier } from "./far.ts";

/** Ends what was begun; never throws. */
type Release = () => Promise<void>;

/** One flight per key across processes: who may compute it. */
export interface Flights {
  /**
   * The key's lock, waiting for it at most for as long as it can live.
   * @param landed asked again and again while another process has it; what it returns ends the wait
   * @returns `landed`: another process computed it. `free`: compute it; it is ours, or it cannot be known whose it is
   */
  take<T>(key: string, landed: () => Promise<T | undefined>): Promise<{ landed: T } | { free: Release }>;
  /** The lock, if nobody has it. */
  tryTake(key: string): Promise<Release | undefined>;
}

interface FlightDeps {
  clock: Clock;
  far: { store: FarStore; tier: FarTier } | undefined;
  lockMs: number;
  token: () => string;
}

const firstPollMs = 10;
const longestPollMs = 200;
const none: Release = async () => {};

export function flights({ clock, far, lockMs, token }: FlightDeps): Flights {
  /** `taken` where Redis cannot be asked, too: better computed twice than not at all. */
  async function attempt(key: string): Promise<{ state: "taken"; release: Release } | { state: "other" }> {
    if (!far) return { state: "taken", release: none };
    const { store, tier } = far;
    const mine = token();
    const lockKey = `${key}:lock`;
    const answer = await tier.ask(lockKey, () => store.lock(lockKey, mine, lockMs));
    if (answer.state !== "ok") return { state: "taken", release: none };
    if (!answer.value) return { state: "other" };
    const release = async () => void (await tier.ask(lockKey, () => store.unlock(lockKey, mine)));
    return { state: "taken", release };
  }

  return {
    async take(key, landed) {
      const untilMs = clock.nowMs() + lockMs;
      for (let pollMs = firstPollMs; ; pollMs = Math.min(longestPollMs, pollMs * 2)) {
        const lock = await attempt(key);
        if (lock.state === "taken") {
          if (!far) return { free: lock.release };
          // Between this one's look-up and its lock another may have come and gone.
          const value = await landed();
          if (value === undefined) return { free: lock.release };
          await lock.release();
          return { landed: value };
        }
        if (clock.nowMs() >= untilMs) return { free: none };
        await clock.sleep(pollMs);
        const value = await landed();
        if (value !== undefined) return { landed: value };
      }
    },
    async tryTake(key) {
      const lock = await attempt(key);
      return lock.state === "taken" ? lock.release : undefined;
    },
  };
}
