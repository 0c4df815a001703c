import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectCluster, openClusterState } from "../../src/cluster/index.ts";
import { configSchema, type ClusterConfig } from "../../src/config/schema.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { packageRoot } from "../../src/version.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";

const short = "short.config.json";
let local: LocalCluster;
let cluster: ClusterConfig;
beforeAll(async () => {
  local = await startLocalCluster({ nodes: 3, replicas: 2 });
  const config = JSON.parse(readFileSync(local.config, "utf8")) as { clusters: Record<string, { store: object }> };
  // For what waits for a request timeout after a crash; a busy machine builds with the usual one.
  config.clusters["local"]!.store = { ...config.clusters["local"]!.store, timeout: "1s" };
  const file = join(local.dir, short);
  writeFileSync(file, JSON.stringify(config));
  cluster = { ...configSchema.parse(config).clusters["local"]!, name: "local", source: { kind: "config", file } };
}, 120_000);
afterAll(async () => {
  await local?.stop();
}, 60_000);

/** So many documents of a sentence each; the last word says of which release they are. */
function corpus(name: string, documents: number): string {
  const lines = Array.from({ length: documents }, (_, id) =>
    JSON.stringify({ id, text: `document ${id} about ${["wings", "heat", "shells", "waves"][id % 4]} and flow, of ${name}` }),
  );
  writeFileSync(join(local.dir, name), lines.join("\n"));
  return name;
}

const json = async (...argv: string[]) => {
  const run = await local.cli([...argv, "--json"]);
  return { ...run, ...run.json() };
};
const build = (path: string, ...more: string[]) => json("ingest", path, "--into-new", "--collection", "docs", ...more);

/** What each node itself answers under an alias: as an application sees it that reads a node directly. */
async function served(alias = "docs"): Promise<(string | undefined)[]> {
  return await Promise.all(
    cluster.nodes.map(async ({ url }) => {
      const { result } = (await (await fetch(`${url}/aliases`)).json()) as any;
      return result.aliases.find((held: any) => held.alias_name === alias)?.collection_name;
    }),
  );
}

async function countThroughClient(name: string): Promise<number> {
  const client = await connectCluster(cluster, { clock: realClock, rng: seededRng(1), purpose: "test", cwd: local.dir });
  try {
    return await client.count(name);
  } finally {
    await client.close();
  }
}

/** What clients read under the alias, once no switch of it is open any more. */
async function settled(): Promise<string | null | undefined> {
  const state = await openClusterState(cluster, { clock: realClock, cwd: local.dir });
  try {
    for (let look = 0; look < 600; look++) {
      const record = await state.getAlias("docs");
      if (!record?.switch) return record?.collection;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("a switch is open, and nobody finishes it");
  } finally {
    await state.close();
  }
}

/** A rollback to `to` that dies at this entry of its journal. */
const dieAt = (entry: number, to: string) =>
  local.cli(["ingest", "rollback", "--collection", "docs", "--to", to, "--config", short], {
    env: {
      NODE_OPTIONS: `--import ${join(packageRoot, "test/helpers/crash-at.ts")}`,
      RAGCTL_TEST_CRASH_AT: String(entry),
    },
  });

let older: string;
let newer: string;

test(
  "releases are built beside each other, verified, and switched to; what does not pass changes nothing",
  { timeout: 240_000 },
  async () => {
    const first = await build(corpus("one.jsonl", 40));
    expect(first.exitCode, first.stderr).toBe(0);
    older = first.result.release.collection;
    expect(first.result.release).toMatchObject({
      alias: "docs",
      verification: { ok: true, points: 40, expected: 40, replicas: { missing: 0, orphaned: 0, different: 0 } },
      switch: { from: null, to: older, decided: true },
    });
    expect(await served()).toEqual([older, older, older]);

    // A graph with hardly any edges finds a third of what there is.
    const cranfield = join(import.meta.dirname, "../data/cranfield/docs.jsonl");
    const poor = await build(cranfield, "--hnsw-m", "2", "--ef-construct", "4");
    expect(poor.exitCode).toBe(4);
    expect(poor.result.release).toMatchObject({ verification: { ok: false, minRecall: 0.95 }, switch: null });
    expect(poor.result.release.reason).toMatch(/recall@10 on n1 is 0\.\d+ of its exact answers/);
    expect(await served()).toEqual([older, older, older]);
    writeFileSync(join(local.dir, "dead.jsonl"), '{"id":1,"text":"fine"}\n{"id":2,"text":\n');
    const dead = await build("dead.jsonl");
    expect(dead.exitCode).toBe(4);
    expect(dead.result.release).toMatchObject({ switch: null, verification: null });
    expect(await served()).toEqual([older, older, older]);

    const second = await build(corpus("two.jsonl", 60), "--keep", "5");
    expect(second.exitCode, second.stderr).toBe(0);
    newer = second.result.release.collection;
    expect(second.result.release.dropped).toEqual([dead.result.release.collection, poor.result.release.collection]);
    expect(await served()).toEqual([newer, newer, newer]);
    expect(await countThroughClient("docs")).toBe(60);
  },
);

test("rollback leads back, and --to leads anywhere that is kept", { timeout: 120_000 }, async () => {
  const back = await json("ingest", "rollback", "--collection", "docs", "--to", older);
  expect(back.exitCode, back.stderr).toBe(0);
  expect(await served()).toEqual([older, older, older]);
  expect(await countThroughClient("docs")).toBe(40);
});

test(
  "killed at each entry of its journal: the next command finds or takes all nodes to one release",
  { timeout: 600_000 },
  async () => {
    const seen = { kills: 0, old: 0, new: 0, mixed: 0 };
    for (let moment = 1; ; moment++) {
      const from = (await served())[0]!;
      const to = from === older ? newer : older;
      const run = await dieAt(moment, to);
      if (run.exitCode !== 137) {
        expect(run.exitCode, run.stderr).toBe(0);
        break;
      }
      seen.kills++;
      if (new Set(await served()).size > 1) seen.mixed++;
      // Whoever comes next: a command that is about it, any client of the cluster, or the supervisor.
      if (moment % 2 === 0) await json("ingest", "status", "--config", short);
      else await countThroughClient("docs");
      const record = await settled();
      const after = await served();
      expect([older, newer]).toContain(record);
      expect(after, `killed at entry ${moment}`).toEqual([record, record, record]);
      expect(await countThroughClient("docs"), `killed at entry ${moment}`).toBe(record === newer ? 60 : 40);
      seen[after[0] === to ? "new" : "old"]++;
    }
    // begin ×2, prepare ×6, decide ×2, commit ×6, switched.
    expect(seen.kills).toBeGreaterThanOrEqual(15);
    expect(seen.old).toBeGreaterThan(0);
    expect(seen.new).toBeGreaterThan(0);
  },
);

test("an up cluster finishes by itself what was decided, though no command comes", { timeout: 240_000 }, async () => {
  const from = (await served())[0]!;
  const to = from === older ? newer : older;
  // Decided, and on no node.
  const run = await dieAt(10, to);
  expect(run.exitCode, run.stderr).toBe(137);
  expect(await settled()).toBe(to);
  expect(await served()).toEqual([to, to, to]);
});

test(
  "a collection of that name is refused before any work, and gives way where it is told to",
  { timeout: 240_000 },
  async () => {
    await json("ingest", corpus("plain.jsonl", 20), "--collection", "plain");
    const refused = await json("ingest", "two.jsonl", "--into-new", "--collection", "plain");
    expect(refused.exitCode).toBe(7);
    expect(refused.error).toMatchObject({ code: "alias-is-collection" });
    expect(await countThroughClient("plain")).toBe(20);
    const replaced = await json("ingest", "two.jsonl", "--into-new", "--collection", "plain", "--replace-collection", "--yes");
    expect(replaced.exitCode, replaced.stderr).toBe(0);
    const { collection } = replaced.result.release;
    expect(await served("plain")).toEqual([collection, collection, collection]);
    expect(await countThroughClient("plain")).toBe(60);
  },
);
