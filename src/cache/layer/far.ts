import { RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import type { CacheStore, MemoryOnly } from "../contract.ts";
import { scopeOf } from "../redis-failure.ts";

/** How long Redis is left alone after a failure: doubled each time the try after it fails, too. */
const firstPauseMs = 250;
const longestPauseMs = 5000;

/** What asking Redis came to. `skipped`: it was not asked, because it failed a moment ago. */
type FarAnswer<T> = { state: "ok"; value: T } | { state: "down" | "skipped" | "writes-refused" | "wrong-type"; reason: string };

interface Trouble {
  pauseMs: number;
  /** When it is tried again. */
  untilMs: number;
  /** Somebody is trying it now. */
  trying: boolean;
  episode: MemoryOnly;
}

interface FarCounts {
  failures: number;
  skipped: number;
  wrongType: number;
}

/** The far tier, of which nobody waits for a server that is known to be gone. */
export interface FarTier {
  ask<T>(key: string, command: () => Promise<T>): Promise<FarAnswer<T>>;
  readonly counts: FarCounts;
  /** Whether the server that holds this key is left alone now. */
  leftAlone(key: string): boolean;
  /** Those of servers that hold no keys any more, because others took over, are ended. */
  episodes(): readonly MemoryOnly[];
}

export interface FarDeps {
  clock: Clock;
  /** Which server holds a key: each is left alone by itself. */
  addressOf: (key: string) => string;
  /** Whether that server still holds keys. */
  holdsKeys: (address: string) => boolean;
  /** A server is left alone (no `untilMs`), or was found well again. */
  onMemoryOnly?: ((episode: MemoryOnly) => void) | undefined;
}

/** Episodes that are kept: the last ones tell enough. */
const keptEpisodes = 100;

export function farTier({ clock, addressOf, holdsKeys, onMemoryOnly }: FarDeps): FarTier {
  const troubles = new Map<string, Trouble>();
  const counts: FarCounts = { failures: 0, skipped: 0, wrongType: 0 };
  const episodes: MemoryOnly[] = [];

  function fail(where: string, problem: string): void {
    counts.failures++;
    const nowMs = clock.nowMs();
    const trouble = troubles.get(where);
    if (trouble) {
      // Of many requests that were under way together, the first failure counts.
      if (!trouble.trying && nowMs < trouble.untilMs) return;
      trouble.pauseMs = Math.min(longestPauseMs, trouble.pauseMs * 2);
      trouble.untilMs = nowMs + trouble.pauseMs;
      trouble.trying = false;
      trouble.episode.problem = problem;
      return;
    }
    const episode: MemoryOnly = { where, sinceMs: nowMs, problem };
    troubles.set(where, { pauseMs: firstPauseMs, untilMs: nowMs + firstPauseMs, trying: false, episode });
    if (episodes.push(episode) > keptEpisodes) episodes.shift();
    onMemoryOnly?.(episode);
  }

  function succeed(where: string): void {
    const trouble = troubles.get(where);
    // What was sent before the failure may still be answered; only the try after the pause proves that it is well.
    if (!trouble?.trying) return;
    end(where, trouble);
  }

  function end(where: string, { episode }: Trouble): void {
    troubles.delete(where);
    episode.untilMs = clock.nowMs();
    onMemoryOnly?.(episode);
  }

  return {
    counts,
    leftAlone: (key) => troubles.has(addressOf(key)),
    episodes() {
      for (const [where, trouble] of troubles) if (!holdsKeys(where)) end(where, trouble);
      return episodes;
    },
    async ask(key, command) {
      const where = addressOf(key);
      const trouble = troubles.get(where);
      if (trouble) {
        if (trouble.trying || clock.nowMs() < trouble.untilMs) {
          counts.skipped++;
          return { state: "skipped", reason: trouble.episode.problem };
        }
        trouble.trying = true;
      }
      try {
        const value = await command();
        succeed(where);
        return { state: "ok", value };
      } catch (error) {
        if (!(error instanceof RagctlError)) {
          if (trouble) trouble.trying = false;
          throw error;
        }
        const scope = scopeOf(error);
        if (scope === "all") {
          fail(where, error.message);
          return { state: "down", reason: error.message };
        }
        // It answered: it is there.
        succeed(where);
        if (scope === "key") counts.wrongType++;
        // What it refuses it will refuse again: the sentence says what to do.
        const reason = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
        return { state: scope === "key" ? "wrong-type" : "writes-refused", reason };
      }
    },
  };
}

/** What the layer asks of Redis beyond a store: locks that other processes see, and which server holds a key. */
export interface FarStore extends CacheStore {
  addressOf: (key: string) => string;
  holdsKeys: (address: string) => boolean;
  /** True: `token` holds it until `ttlMs` have passed. */
  lock(key: string, token: string, ttlMs: number): Promise<boolean>;
  /** Only where `token` still holds it. */
  unlock(key: string, token: string): Promise<void>;
}
