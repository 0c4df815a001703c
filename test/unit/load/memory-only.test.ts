import { expect, test } from "vitest";
import { memoryOnlyEpisodes } from "../../../src/load/memory-only.ts";
import { bandsOf } from "../../../src/report/html/timeline.ts";
import { loadReport } from "../../../src/report/load.ts";
import { makeStyle } from "../../../src/report/style.ts";
import { sampleRun } from "../../helpers/load-result.ts";

const style = makeStyle({ color: false, columns: 80 });

const event = (atMs: number, name: string, phase: "start" | "end", client: string) => ({
  atMs,
  kind: "memory-only",
  name,
  phase,
  detail: { client, problem: `${name} is gone` },
});
const two = [
  event(100, "redis://a", "start", "load cache 1"),
  event(150, "redis://a", "start", "load cache 2"),
  event(300, "redis://a", "end", "load cache 1"),
  event(350, "redis://a", "end", "load cache 2"),
  { atMs: 200, kind: "breaker", name: "redis://a", phase: "start" as const },
  event(400, "redis://b", "start", "load cache 1"),
  event(900, "redis://a", "start", "load cache 1"),
];

test("an episode lasts from the first worker without its Redis until all have it again", () => {
  expect(memoryOnlyEpisodes(two)).toEqual([
    { where: "redis://a", fromMs: 100, untilMs: 350, problem: "redis://a is gone" },
    { where: "redis://b", fromMs: 400, untilMs: null, problem: "redis://b is gone" },
    { where: "redis://a", fromMs: 900, untilMs: null, problem: "redis://a is gone" },
  ]);
  expect(memoryOnlyEpisodes([])).toEqual([]);
});

test("the report says when, and how much memory alone answered; the page's timeline shows it", () => {
  const { result } = sampleRun({ seconds: 2, ratePerSec: 50 });
  const of = (outcome: string, n: number) => ({ outcome, responseTimeUs: { ...result.responseTimeUs, n } });
  const perCache = [of("hit", 60), of("memory-hit", 30), of("memory-miss", 5)];
  const text = loadReport({ ...result, perCache, memoryOnly: memoryOnlyEpisodes(two) }, style);
  expect(text).toContain("the cache went on from memory, which alone answered 35 operations:");
  expect(text).toContain("without redis://a from 100 ms to 350 ms: redis://a is gone");
  expect(text).toContain("without redis://b from 400 ms to the end: redis://b is gone");
  expect(bandsOf(two, 2).map(({ label }) => label)).toContain("memory only, without redis://b");
  expect(loadReport(result, style)).not.toContain("went on from memory");
});
