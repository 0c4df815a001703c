import type { ClusterClient } from "../cluster/contract.ts";
import { runLoad } from "../load/index.ts";
import { singleScenario } from "../load/scenarios.ts";
import type { LoadResult } from "../load/result.ts";
import { searchTarget } from "../load/targets/search.ts";
import { defaultThresholds, objectiveThresholds } from "../load/thresholds.ts";
import type { Clock, Rng } from "../runtime.ts";

const queries = 50;
const ratePerSec = 25;
const timeoutMs = 2000;

export interface QueryDeps {
  client: ClusterClient;
  clock: Clock;
  rng: Rng;
  cwd: string;
  versions: { node: string };
  platform: string;
  signal: AbortSignal;
  hardSignal: AbortSignal;
}

/** Fifty searches at 25 a second, open loop, held against the cluster's objectives. */
export async function pacedQueries(collection: string, deps: QueryDeps): Promise<LoadResult> {
  const { client, clock, rng, cwd, signal } = deps;
  const { cluster } = client;
  const chosen = await searchTarget(
    { cluster, collection, k: 10, ef: undefined, queries: undefined, partialIsOk: false, seed: 1 },
    { clock, rng, cwd, signal },
  );
  const objectives = objectiveThresholds(cluster.objectives);
  return await runLoad(
    singleScenario(
      {
        executor: { kind: "constant-arrival-rate", ratePerSec, warmupUs: 1_000_000, durationUs: (queries / ratePerSec) * 1e6 },
        operation: chosen.operation,
        workers: 1,
        timeoutUs: timeoutMs * 1000,
        maxInFlight: queries,
        seed: 1,
      },
      { thresholds: objectives.length > 0 ? objectives : defaultThresholds },
    ),
    { ...deps, target: chosen.target, urls: chosen.urls },
  );
}
