import type { LoadProgress } from "../load/result.ts";

/** What the live view of a load run shows, kept between one look and the next. */
export interface LiveLoad {
  progress: LoadProgress;
  /** Over about the last second; undefined until there was one. */
  nowPerSec: { sent: number; ok: number } | undefined;
  /** Response p99 of the last windows, µs; null where nothing was ok. */
  p99Us: readonly (number | null)[];
  /** Looks of the last second or so, the oldest first. */
  recent: readonly { elapsedMs: number; sent: number; ok: number }[];
}

/** Windows that the sparkline shows. */
const sparkWindows = 60;
const rateOverMs = 1000;

export function liveStart(progress: LoadProgress): LiveLoad {
  return advance({ progress, nowPerSec: undefined, p99Us: [], recent: [] }, progress);
}

/** A further look. Counts are copied: the recorder goes on with its own. */
export function advance(live: LiveLoad, progress: LoadProgress): LiveLoad {
  const { elapsedMs } = progress;
  const { sent, ok } = progress.counts;
  const seen = [...live.recent, { elapsedMs, sent, ok }].filter((look) => look.elapsedMs >= 0);
  // The newest look that is a whole second old, and everything after it.
  const from = seen.findLastIndex((look) => elapsedMs - look.elapsedMs >= rateOverMs);
  const recent = from > 0 ? seen.slice(from) : seen;
  const first = recent[0];
  const spanMs = first ? elapsedMs - first.elapsedMs : 0;
  const nowPerSec =
    first && spanMs >= rateOverMs / 2
      ? { sent: ((sent - first.sent) / spanMs) * 1000, ok: ((ok - first.ok) / spanMs) * 1000 }
      : undefined;
  const copy = { ...progress, counts: { ...progress.counts }, errorsByCause: { ...progress.errorsByCause } };
  return { ...live, progress: copy, nowPerSec, recent };
}

export function addWindow(live: LiveLoad, p99Us: number | null): LiveLoad {
  return { ...live, p99Us: [...live.p99Us, p99Us].slice(-sparkWindows) };
}

const blocks = "▁▂▃▄▅▆▇█";

/** One character a value, from the lowest to the highest on a logarithmic scale; a dot where there is none. */
export function sparkline(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null && value > 0) as number[];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return values
    .map((value) => {
      if (value === null || value <= 0) return "·";
      // What varies by less than a tenth is flat.
      const share = high / low < 1.1 ? 0.25 : Math.log(value / low) / Math.log(high / low);
      return blocks[Math.min(blocks.length - 1, Math.floor(share * blocks.length))]!;
    })
    .join("");
}
