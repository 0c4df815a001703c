import { realClock } from "../../src/runtime.ts";
import { openStateStore } from "../../src/state/index.ts";
import type { LocalCluster } from "./local-cluster.ts";

/** Gives a local cluster a collection `docs` on all of its nodes, two copies each, as far as the table goes: guards look at no more. */
export async function createDocsTable({ dir, status }: LocalCluster): Promise<void> {
  const nodes = status.nodes as { id: string; url: string; zone?: string | null }[];
  const store = await openStateStore({ driver: "sqlite" }, { clusterName: "local", baseDir: dir, clock: realClock });
  await store.createTable({
    schemaVersion: 1,
    collection: "docs",
    partitioner: { kind: "ring", virtualNodes: 150, hash: "xxh32" },
    replicas: 2,
    members: nodes.map(({ id }) => id),
    nodes: Object.fromEntries(
      nodes.map(({ id, url, zone }) => [id, { url, weight: 1, ...(zone && { zone }), state: "serving" as const }]),
    ),
    moves: [],
    vector: { size: 4, distance: "Cosine" },
  });
  await store.close();
}
