import { RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import { scopeOf } from "../redis-failure.ts";
import type { RedisLink } from "../redis-link.ts";
import type { BulkEntry } from "./encode.ts";
import { openLane, type Lane } from "./lane.ts";

interface BulkOutcome {
  written: number;
  /** Entries of `written` and `failures` that had to be sent more than once. */
  retried: number;
  failures: { key: string; error: RagctlError }[];
}

/** Sets many values fast: for warming, not for single requests. */
export interface BulkWriter {
  /** Resolves when each was acknowledged, or is given up. Several may be under way at once. Never throws for what a Redis does. */
  write(entries: readonly BulkEntry[]): Promise<BulkOutcome>;
  close(): void;
}

/** A cluster that loses a primary has another in about twice its node timeout. */
const giveUpAfterMs = 15_000;
const firstPauseMs = 100;
const longestPauseMs = 1000;
/** Commands under way at once of what goes the slow way. */
const slowAtOnce = 128;

/**
 * Raw connections to each server that holds keys, several, so that it finds work whenever it looks: ioredis spends several times as long on a command as Redis itself does. What fails there (a slot has moved, a
 * server was lost) goes the slow way, through ioredis, which follows the cluster, again and again until it is written or 15 s have passed: setting a value twice is setting it.
 */
export function bulkWriter(link: RedisLink, clock: Clock, lanesPerServer = 8): BulkWriter {
  const lanes = new Map<string, Promise<Lane>>();
  let turn = 0;

  /** A server's lanes take turns; one that is lost is opened again. */
  function laneOf(address: string): Promise<Lane> {
    const name = `${address} ${turn++ % lanesPerServer}`;
    const known = lanes.get(name);
    if (known) return known;
    const { server } = link.primaries().find((each) => sameServer(each.address, address)) ?? link.primaries()[0]!;
    const opening = openLane(server, () => {
      if (lanes.get(name) === opening) lanes.delete(name);
    });
    lanes.set(name, opening);
    return opening;
  }

  /** What was not acknowledged. */
  async function fast(address: string, entries: readonly BulkEntry[]): Promise<BulkEntry[]> {
    try {
      const outcomes = await (await laneOf(address)).send(entries);
      return entries.filter((_, at) => outcomes[at] !== undefined);
    } catch {
      return [...entries];
    }
  }

  async function slow({ key, value, ttlMs }: BulkEntry): Promise<RagctlError | undefined> {
    try {
      await link.ask(() => link.client.set(key, value, "PX", Math.max(1, Math.round(ttlMs))));
      return undefined;
    } catch (error) {
      if (error instanceof RagctlError) return error;
      throw error;
    }
  }

  return {
    async write(entries) {
      // Until it is connected it knows of no slots.
      if (link.client.status !== "ready") await link.ask(() => link.client.ping()).catch(() => {});
      const groups = Map.groupBy(entries, ({ key }) => link.addressOf(key));
      let left = (await Promise.all([...groups].map(([address, group]) => fast(address, group)))).flat();
      const retried = left.length;
      const failures: BulkOutcome["failures"] = [];
      const untilMs = clock.nowMs() + giveUpAfterMs;
      for (let pauseMs = firstPauseMs; left.length > 0; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
        const again: { entry: BulkEntry; error: RagctlError }[] = [];
        for (let from = 0; from < left.length; from += slowAtOnce) {
          const part = left.slice(from, from + slowAtOnce);
          const errors = await Promise.all(part.map(slow));
          for (const [at, error] of errors.entries()) if (error) again.push({ entry: part[at]!, error });
          // It is gone: what follows would only wait, too.
          if (again.length >= slowAtOnce) {
            const { error } = again[0]!;
            again.push(...left.slice(from + slowAtOnce).map((entry) => ({ entry, error })));
            break;
          }
        }
        const over = clock.nowMs() >= untilMs;
        // A full or read-only server is asked once: that does not pass by itself.
        const isFinal = (error: RagctlError) => over || scopeOf(error) !== "all" || error.code === "cache-refused";
        failures.push(...again.filter(({ error }) => isFinal(error)).map(({ entry, error }) => ({ key: entry.key, error })));
        left = again.filter(({ error }) => !isFinal(error)).map(({ entry }) => entry);
        if (left.length > 0) await clock.sleep(pauseMs);
      }
      return { written: entries.length - failures.length, retried, failures };
    },
    close() {
      for (const lane of lanes.values()) void lane.then((open) => open.close()).catch(() => {});
    },
  };
}

/** `redis://host:port`, as a config has it, and `host:port`, as a cluster does. */
function sameServer(a: string, b: string): boolean {
  return a.replace(/^rediss?:\/\//, "") === b.replace(/^rediss?:\/\//, "");
}
