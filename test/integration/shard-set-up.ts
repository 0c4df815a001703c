import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectCluster, type ClusterClient } from "../../src/cluster/index.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { configSchema } from "../../src/config/schema.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";
import { clusteredVectors } from "../helpers/vectors.ts";

export const collection = "docs";
export const dim = 8;

export interface ShardCluster extends LocalCluster {
  cluster: ClusterConfig;
  client: ClusterClient;
  stop(): Promise<void>;
}

/**
 * A local cluster with a small collection, one node more than the collection knows of (`joining`), and a config of its own that shortens
 * the request timeout, so that what waits for one is quick.
 */
export async function startShardCluster(options: {
  nodes: number;
  replicas: number;
  points?: number;
  change?: (cluster: Record<string, unknown>) => void;
}): Promise<ShardCluster> {
  const local = await startLocalCluster({ nodes: options.nodes, replicas: options.replicas });
  try {
    const change = (config: Record<string, unknown>) => {
      config["store"] = { ...(config["store"] as object), timeout: "1s" };
      options.change?.(config);
    };
    const first = writeConfig(local, change);
    const filling = await connect(local, first);
    await filling.ensureCollection(collection, { size: dim, distance: "Cosine" });
    const count = options.points ?? 300;
    const vector = clusteredVectors({ size: dim, clusters: 5, seed: 1 });
    const records = Array.from({ length: count }, (_, n) => ({ key: `doc ${n}`, vector: vector(), payload: { n } }));
    await filling.upsert(collection, records, { timeoutMs: 10_000 });
    await filling.close();
    const up = await local.cli(["up", "--nodes", String(options.nodes + 1)]);
    if (up.exitCode !== 0) throw new Error(up.stderr);
    const cluster = writeConfig(local, change);
    const client = await connect(local, cluster);
    const stop = async () => {
      await client.close();
      await local.stop();
    };
    return { ...local, cluster, client, stop };
  } catch (error) {
    await local.stop();
    throw error;
  }
}

function connect(local: Pick<LocalCluster, "dir">, cluster: ClusterConfig): Promise<ClusterClient> {
  return connectCluster(cluster, { clock: realClock, rng: seededRng(1), purpose: "test", cwd: local.dir });
}

/** A config file of the workspace that says what `.ragctl/cluster.json` says, changed. */
function writeConfig(local: LocalCluster, change: (cluster: Record<string, unknown>) => void): ClusterConfig {
  const config = JSON.parse(readFileSync(local.config, "utf8")) as { clusters: Record<string, Record<string, unknown>> };
  change(config.clusters["local"]!);
  const file = join(local.dir, "ragctl.config.json");
  writeFileSync(file, JSON.stringify(config));
  return { ...configSchema.parse(config).clusters["local"]!, name: "local", source: { kind: "config", file } };
}
