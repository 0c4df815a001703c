import type { Observed } from "../pace/controller.ts";
import { comfort } from "../pace/controller.ts";

/** Counts what a window of the pacer brings. */
export class PaceWindow {
  private latenciesUs: number[] = [];
  private counts = { storeFailures: 0, cacheFailures: 0, stored: 0 };
  private readonly objectiveUs: number;

  constructor(objectiveUs: number) {
    this.objectiveUs = objectiveUs;
  }

  searched(latencyUs: number): void {
    this.latenciesUs.push(latencyUs);
  }

  count(what: "storeFailures" | "cacheFailures" | "stored"): void {
    this.counts[what]++;
  }

  /** What it brought, and begins anew. @param evicted meanwhile */
  take(evicted: number): { observed: Observed; p99Us: number | null } {
    const sorted = this.latenciesUs.toSorted((a, b) => a - b);
    const over = (limit: number) => sorted.filter((latency) => latency > limit).length;
    const observed = {
      searches: sorted.length,
      overObjective: over(this.objectiveUs),
      overComfort: over(this.objectiveUs * comfort),
      ...this.counts,
      evicted,
    };
    this.latenciesUs = [];
    this.counts = { storeFailures: 0, cacheFailures: 0, stored: 0 };
    return { observed, p99Us: sorted[Math.max(0, Math.ceil(sorted.length * 0.99) - 1)] ?? null };
  }
}
