import { connectCluster } from "../cluster/index.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { seededRng, type Rng, type Runtime } from "../runtime.ts";
import { ownCollection, type PreparedExperiment } from "./prepare.ts";

const batch = 200;

type Deps = Pick<Runtime, "clock" | "rng" | "cwd">;

/** Makes the experiment's own collection, of points that lie in clusters as embeddings do; one that a crash left is replaced. */
export async function makeCollection(
  cluster: ClusterConfig,
  { points, dim, clusters, seed }: NonNullable<PreparedExperiment["setup"]>,
  { clock, rng, cwd }: Deps,
  signal: AbortSignal,
): Promise<void> {
  const client = await connectCluster(cluster, { clock, rng, cwd, purpose: "chaos set-up" });
  try {
    if ((await client.collections()).includes(ownCollection)) await client.dropCollection(ownCollection);
    await client.ensureCollection(ownCollection, { size: dim, distance: "Cosine" });
    const next = clusteredVectors({ dim, clusters, rng: seededRng(seed) });
    for (let from = 0; from < points; from += batch) {
      signal.throwIfAborted();
      const records = Array.from({ length: Math.min(batch, points - from) }, (_, at) => ({
        key: String(from + at + 1),
        vector: next(),
        payload: { n: from + at + 1 },
      }));
      const { failed } = await client.upsert(ownCollection, records);
      if (failed.length > 0) throw new Error(`${failed.length} points of the set-up could not be written: ${failed[0]!.reason}`);
    }
  } finally {
    await client.close();
  }
}

export async function dropCollection(cluster: ClusterConfig, { clock, rng, cwd }: Deps): Promise<void> {
  const client = await connectCluster(cluster, { clock, rng, cwd, purpose: "chaos clean-up" });
  try {
    await client.dropCollection(ownCollection);
  } finally {
    await client.close();
  }
}

/** Unit vectors around `clusters` centres. */
function clusteredVectors({ dim, clusters, rng }: { dim: number; clusters: number; rng: Rng }): () => Float32Array {
  const centres = Array.from({ length: clusters }, () => Array.from({ length: dim }, () => deviate(rng)));
  return () => {
    const centre = centres[Math.floor(rng() * clusters)]!;
    const vector = Float32Array.from(centre, (x) => x + 0.6 * deviate(rng));
    const length = Math.hypot(...vector);
    return vector.map((x) => x / length);
  };
}

/** Normal deviate (Box and Muller). */
function deviate(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
}
