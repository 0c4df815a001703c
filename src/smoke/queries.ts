import type { ClusterClient } from "../cluster/contract.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { runLoad } from "../load/index.ts";
import { singleScenario } from "../load/scenarios.ts";
import type { LoadResult } from "../load/result.ts";
import { searchTarget } from "../load/targets/search.ts";
import type { Clock, Rng } from "../runtime.ts";
import type { Vector } from "../stores/contract.ts";
import { smokeObjectives } from "./objectives.ts";

const queries = 50;
const ratePerSec = 25;
const timeoutMs = 2000;

/** More would not make fifty queries better, and time is bounded. */
const sampledPoints = 100;
const samplingMs = 2000;

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

/** Fifty searches at 25 a second, open loop, held against the cluster's objectives as far as so few can tell. */
export async function pacedQueries(collection: string, deps: QueryDeps): Promise<LoadResult> {
  const { client, clock, rng, cwd, signal } = deps;
  const { cluster } = client;
  const chosen = await searchTarget(
    {
      cluster,
      collection,
      k: 10,
      ef: undefined,
      queries: {
        list: (await ownVectors(client, collection, signal)).map((vector) => ({ vector: [...vector] })),
        file: "the collection's own points",
      },
      partialIsOk: false,
      seed: 1,
    },
    { clock, rng, cwd, signal },
  );
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
      { thresholds: smokeObjectives(cluster.objectives, queries).thresholds },
    ),
    { ...deps, target: chosen.target, urls: chosen.urls },
  );
}

/**
 * Vectors of the first points of a collection: one page, whatever its size.
 * @throws RagctlError exit 3 where it takes longer than `samplingMs`, exit 4 where the collection has no points
 */
export async function ownVectors(
  client: Pick<ClusterClient, "scroll">,
  collection: string,
  signal: AbortSignal,
): Promise<Vector[]> {
  const options = { withVector: true, withPayload: false, pageSize: sampledPoints, timeoutMs: samplingMs, signal };
  for await (const page of client.scroll(collection, options)) {
    const vectors = page.slice(0, sampledPoints).flatMap(({ vector }) => (vector ? [vector] : []));
    if (vectors.length > 0) return vectors;
  }
  throw new RagctlError(`${collection} has no points to take queries from`, {
    code: "no-points",
    exitCode: ExitCode.failed,
    hint: "ragctl ingest fills it; --collection names another",
  });
}
