import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ingestResultSchema } from "../../src/ingest/result.ts";
import { readJson, startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";

const cranfield = join(import.meta.dirname, "../data/cranfield/docs.jsonl");
let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startLocalCluster({ nodes: 3, replicas: 2 });
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
}, 60_000);

async function ingest(paths: string[], collection: string, ...more: string[]) {
  const run = await cluster.cli(["ingest", ...paths, "--collection", collection, ...more, "--json"]);
  const { result, error, warnings } = run.json();
  return { ...run, result: result === undefined ? undefined : ingestResultSchema.parse(result), error, warnings };
}

/** Copies that the nodes hold of a collection. */
async function copies(collection: string): Promise<number> {
  const { result } = (await cluster.cli(["status", "--json"])).json();
  return result.collections.find(({ name }: { name: string }) => name === collection)?.copies;
}

/** Documents of five chunks each, in several batches. */
function corpus(name: string, documents = 600): string {
  const text = (id: number) =>
    Array.from({ length: 5 }, (_, at) => `part ${at} of document ${String(id).padStart(4, "0")} `.repeat(30)).join("\n\n");
  const file = join(cluster.dir, name);
  writeFileSync(file, Array.from({ length: documents }, (_, id) => `${JSON.stringify({ id, text: text(id) })}\n`).join(""));
  return file;
}

describe("Cranfield in a real cluster", () => {
  it("is stored on two replicas, unchanged by a second run, and by an edit only where it was edited", async () => {
    const file = join(cluster.dir, "docs.jsonl");
    writeFileSync(file, readFileSync(cranfield));
    const first = await ingest(["docs.jsonl"], "cranfield");
    expect(first.exitCode).toBe(0);
    expect(first.result!.documents).toEqual({ read: 1400, ok: 1398, unchanged: 0, skipped: 2, dead: 0 });
    const { written } = first.result!.chunks;
    expect(await copies("cranfield")).toBe(2 * written);

    const second = await ingest(["docs.jsonl"], "cranfield");
    expect(second.result!.documents).toEqual({ read: 1400, ok: 0, unchanged: 1398, skipped: 2, dead: 0 });
    expect(second.result!.chunks).toEqual({ written: 0, unchanged: written, deleted: 0 });

    const lines = readFileSync(file, "utf8").split("\n");
    const edited = { ...JSON.parse(lines[9]!), text: "a short note on boundary layers ." };
    writeFileSync(file, lines.with(9, JSON.stringify(edited)).join("\n"));
    const third = await ingest(["docs.jsonl"], "cranfield");
    expect(third.result!.documents).toMatchObject({ ok: 1, unchanged: 1397 });
    expect(third.result!.chunks.written).toBe(1);
    expect(await copies("cranfield")).toBe(2 * (written - third.result!.chunks.deleted));
  });
});

it("what one replica alone has is written again: nobody acknowledged it", async () => {
  const file = corpus("half.jsonl", 40);
  await ingest([file], "half");
  expect(await copies("half")).toBe(400);
  // As a run leaves it that is killed between two replicas: the point is on one of them, and no node is stale.
  const { url } = readJson(cluster.config).clusters.local.nodes[1];
  const lost = await fetch(`${url}/collections/half/points/delete?wait=true`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ filter: { must: [{ key: "_ragctl_chunk", match: { value: 2 } }] } }),
  });
  expect(lost.status).toBe(200);
  const held = await copies("half");
  expect(held).toBeLessThan(400);
  const { result, exitCode } = await ingest([file], "half");
  expect(exitCode).toBe(0);
  expect(result!.chunks).toEqual({ written: 400 - held, unchanged: 200 - (400 - held), deleted: 0 });
  expect(await copies("half")).toBe(400);
});

describe("input that is not as it should be", () => {
  it("goes to the dead letters record by record, with exit 4", async () => {
    writeFileSync(
      join(cluster.dir, "mixed.jsonl"),
      '{"id":1,"text":"fine"}\n{broken\n{"id":2,"text":""}\n{"id":1,"text":"again"}\n{"id":3}\n',
    );
    const { exitCode, result } = await ingest(["mixed.jsonl"], "mixed", "--dead-letters", "dead.jsonl");
    expect(exitCode).toBe(4);
    expect(result!.documents).toEqual({ read: 5, ok: 1, unchanged: 0, skipped: 1, dead: 3 });
    const dead = readFileSync(join(cluster.dir, "dead.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(dead.shift()).toMatchObject({ kind: "run", cluster: "local", collection: "mixed" });
    expect(dead.map(({ line, reason }) => [line, reason.split(":")[0]])).toEqual([
      [2, "not JSON"],
      [4, 'another document of this run has the id "1"'],
      [5, 'no field "text" (--text-field names the field with the text)'],
    ]);
    expect(result!.deadLetters).toMatchObject({ count: 3, file: join(cluster.dir, "dead.jsonl") });
  });

  it("is taken again once it is mended, into the same collection; what is broken still is a dead letter still", async () => {
    const records = ['{"id":1,"body":"one"}', '{"id":2,"body":"two"}', '{"id":3,"body":5}'];
    writeFileSync(join(cluster.dir, "body.jsonl"), records.join("\n"));
    const first = await ingest(["body.jsonl"], "bodies", "--dead-letters", "bodies-dead.jsonl");
    expect([first.exitCode, first.result!.documents]).toEqual([4, { read: 3, ok: 0, unchanged: 0, skipped: 0, dead: 3 }]);
    const again = await cluster.cli(["ingest", "retry", "bodies-dead.jsonl", "--text-field", "body", "--json"]);
    expect([again.exitCode, again.json().result]).toMatchObject([
      4,
      {
        collection: "bodies",
        documents: { read: 3, ok: 2, dead: 1 },
        deadLetters: { reasons: [{ reason: 'field "body" is not text', count: 1 }] },
      },
    ]);
    const { file } = again.json().result.deadLetters;
    writeFileSync(file, readFileSync(file, "utf8").replace(String.raw`\"body\":5`, String.raw`\"body\":\"five\"`));
    const last = await cluster.cli(["ingest", "retry", file, "--json"]);
    expect([last.exitCode, last.json().result.documents]).toEqual([0, { read: 1, ok: 1, unchanged: 0, skipped: 0, dead: 0 }]);
    const bad = await cluster.cli(["ingest", "retry", "body.jsonl", "gone.jsonl", "--json"]);
    expect([bad.exitCode, bad.json().error.details]).toEqual([
      2,
      [
        { file: "body.jsonl", message: "does not begin as a file of dead letters does: with a line about its run" },
        { file: "gone.jsonl", message: "there is no such file or folder" },
      ],
    ]);
  });

  it("without any text stores nothing, says so, and suggests nothing", async () => {
    writeFileSync(join(cluster.dir, "empty.txt"), "");
    const run = await cluster.cli(["ingest", "empty.txt", "--collection", "hollow"]);
    expect([run.exitCode, run.stdout.split("\n")[0]]).toEqual([
      0,
      "nothing to store: 1 document skipped: no text; nothing was written, and the new collection hollow of cluster local is empty",
    ]);
    expect(run.stderr).not.toContain("next:");
  });

  it("is refused at once where a path is wrong, or no collection is named", async () => {
    const missing = await ingest(["gone.md", "mixed.jsonl", "also-gone"], "docs");
    expect(missing.exitCode).toBe(2);
    expect(missing.error.details.map(({ file }: { file: string }) => file)).toEqual(["gone.md", "also-gone"]);
    const nowhere = await cluster.cli(["ingest", "mixed.jsonl", "--json"]);
    expect([nowhere.exitCode, nowhere.json().error.message]).toEqual([
      2,
      "--collection: is required: cluster local names no collection of its own",
    ]);
  });

  it("is refused where the embedder does not fit the collection", async () => {
    await ingest(["mixed.jsonl"], "fits");
    const config = readJson(cluster.config);
    config.clusters.local.embedder = { driver: "hashing", dim: 64 };
    // Beside the original, so that relative paths lead to the same state.
    const file = join(cluster.dir, ".ragctl", "other.json");
    writeFileSync(file, JSON.stringify(config));
    const { exitCode, error } = await ingest(["mixed.jsonl"], "fits", "--config", file);
    expect([exitCode, error.code]).toEqual([2, "dimension-mismatch"]);
    expect(error.message).toBe("collection fits holds vectors of 384 dimensions; the embedder hashing-64-v1 makes 64");
  });
});

describe("a run that is stopped", () => {
  it.each(["SIGINT", "SIGKILL"] as const)("by %s is finished by running it again", async (signal) => {
    const collection = `stopped-${signal}`;
    const file = corpus(`${collection}.jsonl`);
    const { child, ended } = cluster.start(["ingest", file, "--collection", collection, "--json"]);
    await expect.poll(() => copies(collection), { timeout: 30_000, interval: 50 }).toBeGreaterThan(100);
    child.kill(signal);
    const stopped = await ended;
    if (signal === "SIGINT" && stopped.exitCode !== 0) {
      expect(stopped.exitCode).toBe(130);
      const { result } = stopped.json();
      expect(result).toMatchObject({ interrupted: true, documents: { dead: 0 } });
      expect(result.documents.read).toBe(result.documents.ok);
    }
    const { result, exitCode } = await ingest([file], collection);
    expect(exitCode).toBe(0);
    const { written, unchanged } = result!.chunks;
    expect(written + unchanged).toBe(3000);
    expect(result!.documents).toMatchObject({ read: 600, skipped: 0, dead: 0 });
    expect(await copies(collection)).toBe(2 * 3000);
    expect((await ingest([file], collection)).result!.chunks).toEqual({ written: 0, unchanged: 3000, deleted: 0 });
  });
});

it("a new collection is not begun while a node is down; then nothing of it is left, and it is made when all are up", async () => {
  const file = corpus("begun.jsonl", 10);
  const kill = cluster.start(["chaos", "kill-node", "n2", "--restart-after", "60s", "--json"]);
  const statusOf = async () => await cluster.cli(["status", "--json"]);
  await expect.poll(async () => (await statusOf()).exitCode, { timeout: 30_000, interval: 200 }).toBe(3);
  const refused = await ingest([file], "begun");
  expect(refused.exitCode).toBe(3);
  const urls: string[] = readJson(cluster.config).clusters.local.nodes.map(({ url }: { url: string }) => url);
  const seen = await Promise.all([urls[0]!, urls[2]!].map(async (url) => (await fetch(`${url}/collections/begun`)).status));
  expect(seen).toEqual([404, 404]);
  kill.child.kill("SIGINT");
  await kill.ended;
  await expect.poll(async () => (await statusOf()).exitCode, { timeout: 30_000, interval: 200 }).toBe(0);
  expect(await copies("begun")).toBeUndefined();
  const { result, exitCode } = await ingest([file], "begun");
  expect([exitCode, result!.chunks.written]).toEqual([0, 50]);
  expect(await copies("begun")).toBe(100);
}, 120_000);

it("a node that is killed in mid-run loses nothing: it is marked stale, and the run goes on", async () => {
  const file = corpus("killed.jsonl", 1500);
  const running = ingest([file], "killed");
  await expect.poll(() => copies("killed"), { timeout: 30_000, interval: 50 }).toBeGreaterThan(100);
  const kill = await cluster.cli(["chaos", "kill-node", "n3", "--restart-after", "2s", "--json"]);
  expect(kill.exitCode).toBe(0);
  const { result, exitCode } = await running;
  expect(exitCode).toBe(0);
  expect(result!.documents).toEqual({ read: 1500, ok: 1500, unchanged: 0, skipped: 0, dead: 0 });
  const again = await ingest([file], "killed");
  expect(again.result!.chunks).toEqual({ written: 0, unchanged: 7500, deleted: 0 });
}, 180_000);
