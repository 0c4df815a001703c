import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRng } from "../../src/runtime.ts";
import { loadHashes } from "../../src/sharding/index.ts";
import { semanticSpec } from "../../src/sharding/plan/semantic-spec.ts";
import { planTransition } from "../../src/sharding/plan/transition.ts";
import { packageRoot } from "../../src/version.ts";
import { startWriter, type RecordingWriter } from "../helpers/recording-writer.ts";
import { clusteredVectors } from "../helpers/vectors.ts";
import { collection, dim, startShardCluster, type ShardCluster } from "./shard-set-up.ts";

/** `RAGCTL_TEST_SEED` repeats the random moments. */
const seed = Number(process.env["RAGCTL_TEST_SEED"] ?? 1);
const points = 600;

let cluster: ShardCluster;
let writer: RecordingWriter;

beforeAll(async () => {
  await loadHashes();
  cluster = await startShardCluster({ nodes: 3, replicas: 2, points });
  writer = startWriter(cluster.client, collection, { keys: 40, dim, rng: seededRng(seed) });
}, 120_000);
afterAll(async () => {
  await writer?.stop().catch(() => undefined);
  await cluster?.stop();
}, 60_000);

test(
  `a change of partitioner on a live cluster is killed again and again, resumed, and taken back; nothing is lost, no search fails (seed ${seed})`,
  { timeout: 600_000 },
  async () => {
    const rng = seededRng(seed);
    const table = (await cluster.client.table(collection))!;
    const centroid = clusteredVectors({ size: dim, clusters: 5, seed: 1 });
    const model = { modelId: "0123456789ab", centroids: Array.from({ length: 8 }, () => [...centroid()]) };
    const plan = planTransition({
      planId: "plan-20260101-000000-test",
      createdAt: "2026-01-01T00:00:00.000Z",
      cluster: "local",
      table,
      to: semanticSpec(model, { hash: table.partitioner.hash, probes: 3 }),
      load: { points, bytes: points * 100 },
      maxRate: { per: "points", perSec: 2000 },
    });
    writeFileSync(join(cluster.dir, "plan.json"), JSON.stringify(plan));
    const searching = new AbortController();
    const failures: unknown[] = [];
    const query = clusteredVectors({ size: dim, clusters: 5, seed: 1 });
    const searches = (async () => {
      while (!searching.signal.aborted) {
        try {
          const { hits, partial } = await cluster.client.search(
            cluster.client.prepareSearch(collection, query(), { k: 10, withPayload: ["n"] }),
          );
          if (partial || hits.length < 10) failures.push({ partial, hits: hits.length });
        } catch (error) {
          failures.push(error);
        }
      }
    })();
    for (const file of ["plan.json", "back.json"]) {
      let kills = 0;
      for (let moment = 2; moment < 40; moment += 3) {
        const env = {
          NODE_OPTIONS: `--import ${join(packageRoot, "test/helpers/crash-at.ts")}`,
          RAGCTL_TEST_CRASH_AT: String(moment + Math.floor(rng() * 3)),
        };
        const { exitCode, stdout, stderr } = await cluster.start(["rebalance", "apply", file, "--resume", "--yes"], { env })
          .ended;
        if (exitCode !== 137) {
          expect(exitCode, stdout + stderr).toBe(0);
          break;
        }
        kills++;
      }
      expect(kills).toBeGreaterThan(2);
      const finished = await cluster.cli(["rebalance", "apply", file, "--resume", "--yes", "--json"]);
      expect(finished.exitCode, finished.stdout + finished.stderr).toBe(0);
      const now = (await cluster.client.table(collection))!;
      expect([now.partitioner.kind, now.transition]).toEqual([file === "plan.json" ? "semantic" : "ring", undefined]);
      const verified = await cluster.cli(["shard", "verify", "--json"]);
      expect(verified.json().result, verified.stderr).toMatchObject({ clean: true, missing: 0, orphaned: 0, different: 0 });
      expect(await writer.wrong(), file).toEqual([]);
      if (file === "plan.json") {
        // A search asks the nodes of three cells, and no more.
        const { requests } = await cluster.client.search(cluster.client.prepareSearch(collection, query(), { k: 5 }));
        expect(requests.length).toBeLessThanOrEqual(3);
        const reversed = await cluster.cli(["rebalance", "reverse", "plan.json", "-o", "back.json"]);
        expect(reversed.exitCode, reversed.stderr).toBe(0);
      }
    }
    searching.abort();
    await searches;
    expect(failures).toEqual([]);
    await writer.stop();
    expect(writer.acknowledged).toBeGreaterThan(200);
  },
);
