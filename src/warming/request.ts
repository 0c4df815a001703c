import type { ClusterConfig } from "../config/schema.ts";
import type { Runtime } from "../runtime.ts";
import type { Through } from "./access.ts";
import type { PlanLimits, Prices, Worth } from "./contract.ts";
import type { WarmPlanResult } from "./result.ts";
import type { RunProgress } from "./run/contract.ts";
import type { WarmSource } from "./source.ts";

export interface WarmRequest {
  source: WarmSource;
  through: Through;
  limits: PlanLimits;
  rankBy: Worth;
  prices: Prices;
  pace: PaceRequest;
  /** Whose own cache is warmed; undefined: that of all zones without one. */
  zone?: string;
}

export interface PaceRequest {
  startPerSec: number;
  maxPerSec: number;
  maxInFlight: number;
  /** False: at the greatest rate, whatever the store or the cache says. */
  guard: boolean;
  /** Of a search; undefined: the cluster's objective, else from what was measured. */
  objectiveMs?: number;
}

export interface WarmDeps {
  cluster: ClusterConfig;
  runtime: Pick<Runtime, "clock" | "rng" | "cwd" | "signal" | "hardSignal" | "stdin">;
  warn: (text: string) => void;
  /**
   * Called with the plan before anything is stored.
   * @returns where the journal is to be; undefined: it is a plan alone
   */
  begin: (plan: WarmPlanResult, notes: readonly string[]) => Promise<{ runId: string; dir: string } | undefined>;
  onProgress?: (progress: RunProgress) => void;
}
