import type { LoadResult } from "./result.ts";

type Episodes = NonNullable<LoadResult["memoryOnly"]>;

/**
 * When the cache went on from memory, by Redis: the episodes of all workers together, from the timeline's `memory-only` events. Times are milliseconds after the
 * measured part began.
 */
export function memoryOnlyEpisodes(events: LoadResult["events"]): Episodes {
  const told = events.filter(({ kind }) => kind === "memory-only").toSorted((a, b) => a.atMs - b.atMs);
  return [...Map.groupBy(told, ({ name }) => name)]
    .flatMap(([where, of]) => {
      const episodes: Episodes = [];
      /** Workers that are without it. */
      let open = 0;
      for (const { phase, atMs, detail } of of) {
        if (phase === "start" && open++ === 0) episodes.push({ where, fromMs: atMs, untilMs: null, problem: problemOf(detail) });
        if (phase === "end" && --open === 0) episodes.at(-1)!.untilMs = atMs;
      }
      return episodes;
    })
    .toSorted((a, b) => a.fromMs - b.fromMs);
}

function problemOf(detail: unknown): string {
  return (detail as { problem?: string } | undefined)?.problem ?? "";
}
