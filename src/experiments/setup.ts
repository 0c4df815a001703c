import type { ClusterClient } from "../cluster/contract.ts";
import { connectCluster } from "../cluster/index.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { seededRng, type Rng, type Runtime } from "../runtime.ts";
import { ownCollection, ownWrites, type PreparedExperiment } from "./prepare.ts";

const batch = 200;

type Deps = Pick<Runtime, "clock" | "rng" | "cwd">;

type Setup = NonNullable<PreparedExperiment["setup"]>;

/** Of the collection that is written to: what vectors are made from. */
const pointsOfWrites = 200;

/** The names of the experiment's own collections. */
export function ownCollections({ writesApart }: Setup): string[] {
  return writesApart ? [ownCollection, ownWrites] : [ownCollection];
}

/** Makes the experiment's own collections, of points that lie in clusters as embeddings do; those that a crash left are replaced. */
export async function makeCollections(
  cluster: ClusterConfig,
  setup: Setup,
  { clock, rng, cwd }: Deps,
  signal: AbortSignal,
): Promise<void> {
  const client = await connectCluster(cluster, { clock, rng, cwd, purpose: "chaos set-up" });
  try {
    const there = await client.collections();
    for (const name of ownCollections(setup)) {
      if (there.includes(name)) await client.dropCollection(name);
      await fill(
        client,
        name,
        { ...setup, points: name === ownWrites ? Math.min(pointsOfWrites, setup.points) : setup.points },
        signal,
      );
    }
  } finally {
    await client.close();
  }
}

async function fill(
  client: ClusterClient,
  name: string,
  { points, dim, clusters, seed }: Setup,
  signal: AbortSignal,
): Promise<void> {
  await client.ensureCollection(name, { size: dim, distance: "Cosine" });
  const next = clusteredVectors({ dim, clusters, rng: seededRng(seed) });
  for (let from = 0; from < points; from += batch) {
    signal.throwIfAborted();
    const records = Array.from({ length: Math.min(batch, points - from) }, (_, at) => ({
      key: String(from + at + 1),
      vector: next(),
      payload: { n: from + at + 1 },
    }));
    const { failed } = await client.upsert(name, records);
    if (failed.length > 0)
      throw new RagctlError(`${failed.length} points of the set-up could not be written: ${failed[0]!.reason}`, {
        code: "setup-failed",
        exitCode: ExitCode.unreachable,
        hint: "ragctl status shows how the cluster is",
      });
  }
}

export async function dropCollections(cluster: ClusterConfig, setup: Setup, { clock, rng, cwd }: Deps): Promise<void> {
  const client = await connectCluster(cluster, { clock, rng, cwd, purpose: "chaos clean-up" });
  try {
    for (const name of ownCollections(setup)) await client.dropCollection(name);
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
