import { runAfter, type Clock } from "../../runtime.ts";
import type { IngestProgress, IngestResult } from "../result.ts";
import type { Tally } from "../tally.ts";
import type { StageMeter } from "./stage.ts";
import { bottleneckOf, etaMs, type RecentWindow, type StageUse } from "./window.ts";

/** Where a run stands now, from the last seconds of it. */
export function progressOf(input: {
  window: RecentWindow;
  nowUs: number;
  counters: { bytes: number; chunks: number };
  tally: Tally;
  totalBytes: number;
}): IngestProgress {
  const { window, nowUs, counters, tally, totalBytes } = input;
  const now = window.now(nowUs, counters);
  const left = now && etaMs({ doneBytes: counters.bytes, totalBytes, bytesPerSec: now.bytesPerSec });
  return {
    ...counters,
    totalBytes,
    documents: tally.settled,
    dead: tally.fates.dead,
    chunksPerSec: now?.chunksPerSec,
    bottleneck: now && bottleneckOf(now.stages),
    leftMs: left,
  };
}

/** A stage over the whole of the run. */
export function useOf({ name, workers, busy, blocked, input }: StageMeter, elapsedUs: number): StageUse {
  return {
    name,
    busy: busy.integralUs / (elapsedUs * workers),
    blocked: blocked.integralUs / (elapsedUs * workers),
    fill: input && input.level.integralUs / (elapsedUs * input.capacity),
  };
}

export function stageResult(meter: StageMeter, elapsedUs: number): IngestResult["stages"][number] {
  const { name, busy, blocked, fill = 0 } = useOf(meter, elapsedUs);
  const { workers, done, input } = meter;
  return {
    name,
    workers,
    done,
    busy,
    blocked,
    queue: { capacity: input?.capacity ?? 0, peak: input?.peak ?? 0, meanFill: Math.min(1, fill) },
  };
}

/** Calls at regular intervals until stopped. */
export function every(clock: Clock, ms: number, run: () => void): () => void {
  let cancel = () => {};
  const again = () => {
    cancel = runAfter(clock, ms, () => {
      run();
      again();
    });
  };
  again();
  return () => cancel();
}
