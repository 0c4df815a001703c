import type { CountedQuery } from "./contract.ts";
import type { ClusterConfig } from "../config/schema.ts";
import type { Replay } from "./replay.ts";
import type { PaceRequest, WarmRequest } from "./request.ts";
import type { CacheWarmResult, WarmPlanResult } from "./result.ts";

/** Without an objective, a search that takes so many times what is usual, and so long at least, is too slow. */
const slowFactor = 5;
const slowAtLeastMs = 25;

/** What a run's directory must hold to go on with. */
export interface PlanHead {
  version: 1;
  cluster: string;
  request: WarmRequest;
  plan: WarmPlanResult;
  heldOut: CountedQuery[];
  before: Replay | null;
  objective: Objective;
  notes: string[];
}

interface Objective {
  ms: number;
  from: CacheWarmResult["guard"]["objectiveFrom"];
}

/** What a search may take while the cache is warmed. @param answerP50Us as it was measured before */
export function objectiveOf({ objectiveMs }: PaceRequest, { objectives }: ClusterConfig, answerP50Us: number): Objective {
  if (objectiveMs !== undefined) return { ms: objectiveMs, from: "flag" };
  if (objectives.p99 !== undefined) return { ms: objectives.p99, from: "config" };
  return { ms: Math.max(slowAtLeastMs, (slowFactor * answerP50Us) / 1000), from: "measured" };
}
