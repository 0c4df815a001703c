import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRng } from "../../src/runtime.ts";
import { loadHashes } from "../../src/sharding/index.ts";
import { semanticSpec } from "../../src/sharding/plan/semantic-spec.ts";
import { planBeside } from "../../src/sharding/plan/beside.ts";
import { planTransition } from "../../src/sharding/plan/transition.ts";
import { packageRoot } from "../../src/version.ts";
import { startWriter, type RecordingWriter } from "../helpers/recording-writer.ts";
import { clusteredVectors } from "../helpers/vectors.ts";
import { collection, dim, startShardCluster, type ShardCluster } from "./shard-set-up.ts";

/** `RAGCTL_TEST_SEED` repeats the random moments. */
const seed = Number(process.env["RAGCTL_TEST_SEED"] ?? 1);
const points = 600;

const model = () => {
  const centroid = clusteredVectors({ size: dim, clusters: 5, seed: 1 });
  return { modelId: "0123456789ab", centroids: Array.from({ length: 8 }, () => [...centroid()]) };
};
const crash = (moment: number) => ({
  NODE_OPTIONS: `--import ${join(packageRoot, "test/helpers/crash-at.ts")}`,
  RAGCTL_TEST_CRASH_AT: String(moment),
});

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
    const plan = planTransition({
      planId: "plan-20260101-000000-test",
      createdAt: "2026-01-01T00:00:00.000Z",
      cluster: "local",
      table,
      to: semanticSpec(model(), { hash: table.partitioner.hash, probes: 3 }),
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
        const env = crash(moment + Math.floor(rng() * 3));
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

/** What the nodes themselves have, by node. */
async function collectionsOnNodes(): Promise<string[]> {
  const lists = await Promise.all(
    cluster.cluster.nodes.slice(0, 3).map(async ({ url }) => {
      const { result } = (await (await fetch(`${url}/collections`)).json()) as { result: { collections: { name: string }[] } };
      return result.collections.map(({ name }) => name).toSorted();
    }),
  );
  return [...new Set(lists.map((names) => names.join(" ")))];
}

test(
  "a layout is built beside the one that serves: killed and given up, killed and finished, and taken back; nothing is lost",
  {
    timeout: 600_000,
  },
  async () => {
    const second = startWriter(cluster.client, collection, { keys: 40, dim, rng: seededRng(seed + 1), name: "second" });
    const table = (await cluster.client.table(collection))!;
    const plan = planBeside({
      planId: "plan-20260101-000000-blue",
      createdAt: "2026-01-01T00:00:00.000Z",
      cluster: "local",
      table,
      to: semanticSpec({ ...model(), modelId: "ba9876543210" }, { hash: table.partitioner.hash, probes: 3 }),
      load: { points, bytes: points * 100 },
      maxRate: { per: "points", perSec: 2000 },
    });
    const physical = "docs@20260101-000000-blue";
    writeFileSync(join(cluster.dir, "blue.json"), JSON.stringify(plan));
    const apply = (file: string, ...more: string[]) => cluster.cli(["rebalance", "apply", file, "--yes", "--json", ...more]);
    const killed = async (moment: number) => {
      const { ended } = cluster.start(["rebalance", "apply", "blue.json", "--yes"], { env: crash(moment) });
      const { exitCode, stdout, stderr } = await ended;
      expect(exitCode, stdout + stderr).toBe(137);
    };
    const sound = async (kind: string, collections: string) => {
      const now = (await cluster.client.table(collection))!;
      expect([now.partitioner.kind, now.beside]).toEqual([kind, undefined]);
      expect(await collectionsOnNodes()).toEqual([collections]);
      const verified = await cluster.cli(["rebalance", "verify", "--json"]);
      expect(verified.json().result, verified.stderr).toMatchObject({ clean: true, missing: 0, orphaned: 0, different: 0 });
      expect(await second.wrong()).toEqual([]);
    };

    // By then the second collection is there, and being filled.
    await killed(9);
    expect((await cluster.client.table(collection))!.beside).toMatchObject({ physical, state: "building" });
    const aborted = await apply("blue.json", "--abort");
    expect(aborted.exitCode, aborted.stdout + aborted.stderr).toBe(0);
    expect([(await cluster.client.table(collection))!.beside, await collectionsOnNodes()]).toEqual([undefined, [collection]]);

    await killed(9);
    const finished = await apply("blue.json", "--resume");
    expect(finished.exitCode, finished.stdout + finished.stderr).toBe(0);
    await sound("semantic", physical);
    // Whoever asks a node for the collection finds it by its name.
    const { url } = cluster.cluster.nodes[0]!;
    const counted = await fetch(`${url}/collections/${collection}/points/count`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(((await counted.json()) as { result: { count: number } }).result.count).toBeGreaterThan(0);
    const status = (await cluster.cli(["status", "--json"])).json().result;
    expect(status.collections.map(({ name }: { name: string }) => name)).toEqual([collection]);
    expect(status.collections[0].copies).toBeGreaterThanOrEqual(2 * points);

    const reversed = await cluster.cli(["rebalance", "reverse", "blue.json", "-o", "back.json"]);
    expect(reversed.exitCode, reversed.stderr).toBe(0);
    const back = await apply("back.json");
    expect(back.exitCode, back.stdout + back.stderr).toBe(0);
    await sound("ring", (await cluster.client.table(collection))!.physical!);
    await second.stop();
    expect(second.acknowledged).toBeGreaterThan(100);
  },
);
