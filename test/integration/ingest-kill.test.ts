import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ingestResultSchema } from "../../src/ingest/result.ts";
import { ingestVerifyResultSchema } from "../../src/ingest/verify/result.ts";
import { listRuns, runIds } from "../../src/runs/index.ts";
import { seededRng } from "../../src/runtime.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";

/** Kills at random moments; `RAGCTL_TEST_KILLS=20` for the night. */
const kills = Number(process.env["RAGCTL_TEST_KILLS"] ?? 3);
const seed = Number(process.env["RAGCTL_TEST_SEED"] ?? 20_261_120);
const documents = 1200;

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startLocalCluster({ nodes: 3, replicas: 2 });
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
}, 60_000);

/** Documents of one to six chunks, some without text, in a file of records and a few files more. */
function corpus(name: string): string[] {
  const text = (id: number) =>
    Array.from({ length: (id * 7) % 6 }, (_, at) => `part ${at} of document ${String(id).padStart(4, "0")} `.repeat(30)).join(
      "\n\n",
    );
  const file = join(cluster.dir, `${name}.jsonl`);
  writeFileSync(file, Array.from({ length: documents }, (_, id) => `${JSON.stringify({ id, text: text(id) })}\n`).join(""));
  const more = ["a", "b", "c"].map((letter) => {
    const path = join(cluster.dir, `${name}-${letter}.md`);
    writeFileSync(path, `# ${letter}\n\n${text(letter.charCodeAt(0))}`);
    return path;
  });
  return [file, ...more];
}

/** Records enough for a run of seconds on any machine: small vectors of their own. */
function manyRecords(name: string, count: number): string[] {
  const file = join(cluster.dir, `${name}.jsonl`);
  const vector = (id: number) => [1 + (id % 3), id / count, 1, 0.5];
  writeFileSync(file, Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, vector: vector(id) })}\n`).join(""));
  return [file];
}

async function verify(paths: string[], collection: string) {
  const run = await cluster.cli(["ingest", "verify", ...paths, "--collection", collection, "--json"]);
  return ingestVerifyResultSchema.parse(run.json().result);
}

async function resume() {
  const run = await cluster.cli(["ingest", "--resume", "--json"]);
  const { result, error } = run.json();
  expect(error).toBeUndefined();
  return ingestResultSchema.parse(result);
}

async function stored(collection: string): Promise<number> {
  const { result } = (await cluster.cli(["status", "--json"])).json();
  return result.collections.find(({ name }: { name: string }) => name === collection)?.copies ?? 0;
}

describe(`kill -9 at random moments (seed ${seed})`, () => {
  const rng = seededRng(seed);
  // Shares of the time from the journal's first line to the end of a run.
  const moments = Array.from({ length: kills }, (_, at) => [at, Number(rng().toFixed(3))] as const);
  let runMs = 2000;

  it.each(moments)(
    "number %d, at %d of a run: --resume stores all, and nothing twice",
    async (at, share) => {
      let killed: { collection: string; paths: string[] } | undefined;
      // A run that was faster than we is tried again, with less time.
      for (let attempt = 0; !killed && attempt < 10; attempt++) {
        const collection = `killed-${at}-${attempt}`;
        const paths = corpus(collection);
        const before = new Set(runIds(cluster.stateDir));
        const { child, ended } = cluster.start(["ingest", ...paths, "--collection", collection, "--json"]);
        await expect
          .poll(() => runIds(cluster.stateDir).some((id) => !before.has(id)), { timeout: 60_000, interval: 2 })
          .toBe(true);
        await new Promise((resolve) => setTimeout(resolve, share * runMs));
        child.kill("SIGKILL");
        const { exitCode } = await ended;
        // It may have been over, and just not gone yet.
        if (exitCode !== 137 || isOver(cluster.stateDir)) runMs *= 0.7;
        else if (hasBegun(cluster.stateDir)) killed = { collection, paths };
      }
      expect(killed).toBeDefined();
      const { collection, paths } = killed!;
      const result = await resume();
      expect(result.collection).toBe(collection);
      const before = Object.values(result.resumed?.documents ?? {}).reduce((sum, count) => sum + count, 0);
      // Every document was read by one of the two: none is left out, and what was acknowledged is not read again.
      expect(result.documents.read).toBe(documents + 3 - before);
      expect(await verify(paths, collection)).toMatchObject({ verdict: "same", documents: { different: 0, unreadable: 0 } });
    },
    300_000,
  );
});

function isOver(stateDir: string): boolean {
  return listRuns(stateDir, 1)[0]?.state !== "dead";
}

/** Whether the newest run has said in its journal what it was asked to do. */
function hasBegun(stateDir: string): boolean {
  const journal = join(stateDir, "runs", runIds(stateDir)[0]!, "journal.ndjson");
  return existsSync(journal) && readFileSync(journal, "utf8").includes('"begin"');
}

it("killed once more while it goes on, it goes on again", async () => {
  // The journal is written three times by their number alone, however fast the machine is.
  const paths = manyRecords("twice", 36_000);
  const crashing = { NODE_OPTIONS: `--import=${join(import.meta.dirname, "../helpers/crash-at.ts")}` };
  const first = await cluster.cli(["ingest", ...paths, "--collection", "twice", "--json"], {
    env: { ...crashing, RAGCTL_TEST_CRASH_AT: "2" },
  });
  expect(first.exitCode).toBe(137);
  const second = await cluster.cli(["ingest", "--resume", "--json"], { env: { ...crashing, RAGCTL_TEST_CRASH_AT: "2" } });
  expect(second.exitCode).toBe(137);
  const result = await resume();
  expect(result.resumed).not.toBeNull();
  expect(await verify(paths, "twice")).toMatchObject({ verdict: "same" });
  // And what is done has nothing left to go on with.
  const again = await cluster.cli(["ingest", result.runId, "--resume", "--json"]);
  expect(again.json().error, again.stderr).toBeUndefined();
  expect(again.json().result).toMatchObject({ documents: { read: 0 }, chunks: { written: 0, unchanged: 0, deleted: 0 } });
}, 180_000);

it("with a node killed and restarted as well, what verify finds is what the input says", async () => {
  const paths = manyRecords("node", 20_000);
  const { child, ended } = cluster.start(["ingest", ...paths, "--collection", "node", "--json"]);
  await expect.poll(() => stored("node"), { timeout: 60_000, interval: 20 }).toBeGreaterThan(0);
  const chaos = cluster.start(["chaos", "kill-node", "n2", "--restart-after", "2s", "--json"]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  child.kill("SIGKILL");
  await ended;
  await resume();
  expect((await chaos.ended).exitCode).toBe(0);
  // The node that missed writes is repaired by the supervisor, and then every replica is alike.
  await expect.poll(async () => (await verify(paths, "node")).verdict, { timeout: 90_000, interval: 1000 }).toBe("same");
}, 240_000);

describe("verify", () => {
  it("names the first of each kind of difference, with exit 4", async () => {
    const [file] = corpus("differs");
    await cluster.cli(["ingest", file!, "--collection", "differs", "--json"]);
    const lines = Array.from({ length: 40 }, (_, at) => JSON.stringify({ id: at + 1, text: `text ${at + 1}` }));
    const small = join(cluster.dir, "small.jsonl");
    writeFileSync(small, lines.join("\n"));
    await cluster.cli(["ingest", small, "--collection", "small", "--json"]);
    expect(await verify([small], "small")).toMatchObject({ verdict: "same", documents: { same: 40 }, chunks: { stored: 40 } });
    writeFileSync(
      small,
      [...lines.slice(2).with(3, JSON.stringify({ id: 6, text: "other" })), JSON.stringify({ id: 99, text: "new" })].join("\n"),
    );
    const run = await cluster.cli(["ingest", "verify", small, "--collection", "small", "--json"]);
    expect(run.exitCode).toBe(4);
    const { result } = run.json();
    expect(result.differences.map(({ kind, count, first }: any) => [kind, count, first.key])).toEqual([
      ["missing-document", 1, "99#0"],
      ["changed", 1, "6#0"],
      ["vector", 1, "6#0"],
      ["extra", 2, expect.stringMatching(/^[12]#0$/)],
    ]);
    expect((await cluster.cli(["ingest", "verify", small, "--collection", "nowhere", "--json"])).exitCode).toBe(2);
  }, 120_000);
});

/** Whether a mount of our own can be made here. */
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

it.skipIf(!canMount)(
  "a disk without room for the journal ends the run with exit 5, a sentence, and a way to go on",
  async () => {
    const paths = corpus("full");
    const runs = join(cluster.stateDir, "runs");
    const saved = join(cluster.dir, "saved-runs");
    // Runs are kept on a disk of four blocks; what fitted is copied out of it when the run has ended.
    const script = `mkdir -p "$RUNS"; mount -t tmpfs -o size=16k none "$RUNS" || exit 99; "$0" "$@"; code=$?; cp -a "$RUNS" "$SAVED"; exit $code`;
    const ragctl = join(import.meta.dirname, "../../bin/ragctl.ts");
    const full = spawnSync(
      "unshare",
      ["-rm", "sh", "-c", script, process.execPath, ragctl, "ingest", ...paths, "--collection", "full", "--json"],
      { cwd: cluster.dir, env: { ...cluster.env, RUNS: runs, SAVED: saved }, encoding: "utf8", timeout: 90_000 },
    );
    expect(full.status, full.stderr).toBe(5);
    const { error } = JSON.parse(full.stdout);
    expect(error).toMatchObject({ code: "journal-failed", message: expect.stringContaining("could not be written to disk") });
    expect(error.message).toMatch(/no space left|only a part of it fitted/);
    cpSync(saved, runs, { recursive: true });
    const result = await resume();
    expect(result.documents.read).toBeLessThanOrEqual(documents + 3);
    expect(await verify(paths, "full")).toMatchObject({ verdict: "same" });
  },
  180_000,
);
