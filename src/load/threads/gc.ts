import { PerformanceObserver } from "node:perf_hooks";

/** Watches this thread's garbage collection from now on. */
export function watchGc(): { report(elapsedUs: number): { share: number; longestUs: number; count: number } } {
  let totalUs = 0;
  let longestUs = 0;
  let count = 0;
  const take = (durationMs: number) => {
    const us = durationMs * 1000;
    totalUs += us;
    longestUs = Math.max(longestUs, us);
    count++;
  };
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => take(duration)));
  observer.observe({ entryTypes: ["gc"] });
  return {
    report(elapsedUs) {
      for (const { duration } of observer.takeRecords()) take(duration);
      observer.disconnect();
      return { share: Number((totalUs / elapsedUs).toFixed(5)), longestUs: Math.round(longestUs), count };
    },
  };
}
