import { copyFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ExitCode, RagctlError } from "../../../src/errors.ts";
import { Interrupted } from "../../../src/runtime.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { fakeCluster } from "./fake-cluster.ts";
import { ingest, jsonl } from "./set-up.ts";

const cranfield = join(import.meta.dirname, "../../data/cranfield/docs.jsonl");
/** Text of `n` paragraphs that become one chunk each at a chunk size of 100. */
const paragraphs = (n: number, word = "word") =>
  Array.from({ length: n }, (_, at) => `${word}${at} `.repeat(9).trim()).join("\n\n");
const small = { size: 100, overlap: 0 };

describe("Cranfield", () => {
  it("is accounted for to the last document; a second run writes nothing", async () => {
    const cluster = fakeCluster();
    const { result, dead } = await ingest({ cluster, cwd: tempDir(), paths: [cranfield] });
    expect(result.documents).toEqual({ read: 1400, ok: 1398, unchanged: 0, skipped: 2, dead: 0 });
    expect(result.skipped.map(({ id, line }) => [id, line])).toEqual([
      ["471", 471],
      ["995", 995],
    ]);
    expect(dead).toEqual([]);
    expect(result.created).toBe(true);
    expect(cluster.points("docs").size).toBe(result.chunks.written);
    expect(result.chunks.written).toBeGreaterThan(1398);
    expect(result.bytes).toBe(statSync(cranfield).size);

    const before = cluster.writes.length;
    const again = await ingest({ cluster, cwd: tempDir(), paths: [cranfield] });
    expect(again.result.documents).toEqual({ read: 1400, ok: 0, unchanged: 1398, skipped: 2, dead: 0 });
    expect(again.result.chunks).toEqual({ written: 0, unchanged: result.chunks.written, deleted: 0 });
    expect(cluster.writes.length).toBe(before);
  });

  it("keeps the fields of its records beside the chunk's own", async () => {
    const cluster = fakeCluster();
    const dir = tempDir();
    copyFileSync(cranfield, join(dir, "docs.jsonl"));
    await ingest({ cluster, cwd: dir, paths: ["docs.jsonl"] });
    const { payload, vector } = cluster.points("docs").get("1#0")!;
    expect(vector).toHaveLength(384);
    expect(payload).toMatchObject({
      id: "1",
      author: "brenckman,m.",
      source: "j. ae. scs. 25, 1958, 324.",
      text: expect.stringMatching(/^experimental investigation/),
      _ragctl_doc: "1",
      _ragctl_source: "docs.jsonl",
      _ragctl_chunk: 0,
      _ragctl_chunks: expect.any(Number),
      _ragctl_hash: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const second = [...cluster.points("docs")].find(([key]) => key.endsWith("#1"))!;
    expect(second[1].payload).not.toHaveProperty("_ragctl_chunks");
  });
});

describe("a changed input", () => {
  async function twice(before: unknown[], after: unknown[], cluster = fakeCluster()) {
    const dir = tempDir({ "a.jsonl": jsonl(...before) });
    await ingest({ cluster, cwd: dir, paths: ["a.jsonl"], chunk: small });
    const wrote = cluster.writes.length;
    writeFileSync(join(dir, "a.jsonl"), jsonl(...after));
    const { result } = await ingest({ cluster, cwd: dir, paths: ["a.jsonl"], chunk: small });
    return { result, writes: cluster.writes.slice(wrote), keys: [...cluster.points("docs").keys()].toSorted() };
  }

  it("rewrites only the chunks that differ", async () => {
    const text = paragraphs(4);
    const { result, writes } = await twice(
      [
        { id: "a", text },
        { id: "b", text },
      ],
      [
        { id: "a", text: text.replaceAll("word2", "other") },
        { id: "b", text },
      ],
    );
    expect(writes).toEqual([{ kind: "upsert", keys: ["a#2"] }]);
    expect(result.documents).toMatchObject({ ok: 1, unchanged: 1 });
    expect(result.chunks).toEqual({ written: 1, unchanged: 7, deleted: 0 });
  });

  it("that grows writes its first chunk, which carries the count, first", async () => {
    const { writes, keys } = await twice([{ id: "a", text: paragraphs(2) }], [{ id: "a", text: paragraphs(4) }]);
    expect(writes).toEqual([
      { kind: "upsert", keys: ["a#0"] },
      { kind: "upsert", keys: ["a#2", "a#3"] },
    ]);
    expect(keys).toEqual(["a#0", "a#1", "a#2", "a#3"]);
  });

  it("that shrinks deletes what vanished before the first chunk says so", async () => {
    const { result, writes, keys } = await twice([{ id: "a", text: paragraphs(4) }], [{ id: "a", text: paragraphs(2) }]);
    expect(writes).toEqual([
      { kind: "delete", keys: ["a#2", "a#3"] },
      { kind: "upsert", keys: ["a#0"] },
    ]);
    expect(keys).toEqual(["a#0", "a#1"]);
    expect(result.chunks).toEqual({ written: 1, unchanged: 1, deleted: 2 });
  });

  it("that lost its text loses its chunks, the first one last, and is skipped", async () => {
    const { result, writes, keys } = await twice([{ id: "a", text: paragraphs(3) }], [{ id: "a", text: " " }]);
    expect(writes).toEqual([
      { kind: "delete", keys: ["a#1", "a#2"] },
      { kind: "delete", keys: ["a#0"] },
    ]);
    expect(keys).toEqual([]);
    expect(result).toMatchObject({ documents: { read: 1, skipped: 1 }, chunks: { deleted: 3 } });
  });

  it("writes again what not every replica has, though its text is the same", async () => {
    const cluster = fakeCluster();
    const text = paragraphs(3);
    const dir = tempDir({ "a.jsonl": jsonl({ id: "a", text }, { id: "b", text }) });
    const run = () => ingest({ cluster, cwd: dir, paths: ["a.jsonl"], chunk: small });
    await run();
    const wrote = cluster.writes.length;
    for (const key of ["a#0", "b#1"]) cluster.state.onOneReplica.add(key);
    const { result } = await run();
    expect(cluster.writes.slice(wrote)).toEqual([{ kind: "upsert", keys: ["a#0", "b#1"] }]);
    expect([result.chunks, cluster.state.onOneReplica.size]).toEqual([{ written: 2, unchanged: 4, deleted: 0 }, 0]);
    expect((await run()).result.chunks).toEqual({ written: 0, unchanged: 6, deleted: 0 });
  });

  it("counts a change of any field, and not of the order of fields", async () => {
    const { result } = await twice(
      [
        { id: "a", text: "one", tag: "x", year: 1 },
        { id: "b", text: "one", tag: "x" },
      ],
      [
        { year: 1, tag: "x", text: "one", id: "a" },
        { id: "b", text: "one", tag: "y" },
      ],
    );
    expect(result.documents).toMatchObject({ ok: 1, unchanged: 1 });
  });
});

describe("any crash between two writes", () => {
  it("leaves what the next run finishes, and nothing behind", async () => {
    const versions = [paragraphs(3), paragraphs(6, "longer"), paragraphs(2, "short"), paragraphs(5), ""];
    // Crashes after every number of writes, while going from each version to each other, and then on to a third.
    let crashes = 0;
    for (const [from, to, final] of versions.flatMap((a) =>
      versions.flatMap((b) => versions.slice(0, 3).map((c) => [a, b, c] as const)),
    ))
      for (let allowed = 0; allowed < 4; allowed++) {
        const dir = tempDir({ "a.jsonl": jsonl({ id: "a", text: from }) });
        const cluster = fakeCluster();
        const run = (text: string) => {
          writeFileSync(join(dir, "a.jsonl"), jsonl({ id: "a", text }));
          return ingest({ cluster, cwd: dir, paths: ["a.jsonl"], chunk: small });
        };
        await run(from);
        let left = allowed;
        cluster.state.onWrite = () => {
          if (left-- <= 0) throw new RagctlError("crash", { code: "crash", exitCode: ExitCode.bug });
          return undefined;
        };
        const crashed = await run(to).then(
          () => false,
          () => true,
        );
        if (!crashed) break;
        crashes++;
        cluster.state.onWrite = () => undefined;
        await run(final);
        const fresh = fakeCluster();
        await ingest({ cluster: fresh, cwd: dir, paths: ["a.jsonl"], chunk: small });
        const content = (c: typeof cluster) =>
          [...c.points("docs")].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, { payload }]) => [key, payload]);
        expect(content(cluster)).toEqual(content(fresh));
      }
    expect(crashes).toBeGreaterThan(100);
  });
});

describe("failed writes", () => {
  it("are tried again once the first attempt can no longer land, and then succeed", async () => {
    const clock = new SimClock();
    const cluster = fakeCluster({ timeoutMs: 2000 });
    const times: number[] = [];
    cluster.state.onWrite = ({ keys }) => {
      times.push(clock.nowMs());
      return times.length < 3 ? new Map([[keys[0]!, "n1: timeout"]]) : undefined;
    };
    const dir = tempDir({ "a.jsonl": jsonl({ id: "a", text: "one" }, { id: "b", text: "two" }) });
    const running = ingest({ cluster, cwd: dir, paths: ["a.jsonl"], clock });
    await advanceUntil(clock, running);
    const { result } = await running;
    expect(result.documents).toMatchObject({ read: 2, ok: 2, dead: 0 });
    expect(times.map((at) => at - times[0]!)).toEqual([0, 2000, 6000]);
    expect(cluster.writes.map(({ keys }) => keys)).toEqual([["a#0", "b#0"], ["a#0"], ["a#0"]]);
  });

  it("become dead letters after three attempts, and the others are stored", async () => {
    const clock = new SimClock();
    const cluster = fakeCluster();
    cluster.state.onWrite = ({ keys }) => (keys.includes("a#0") ? new Map([["a#0", "no serving owner"]]) : undefined);
    const dir = tempDir({ "a.jsonl": jsonl({ id: "a", text: "one", tag: 1 }, { id: "b", text: "two" }) });
    const running = ingest({ cluster, cwd: dir, paths: ["a.jsonl"], clock });
    await advanceUntil(clock, running);
    const { result, dead } = await running;
    expect(result.documents).toEqual({ read: 2, ok: 1, unchanged: 0, skipped: 0, dead: 1 });
    expect(dead).toEqual([
      {
        kind: "dead",
        id: "a",
        stage: "write",
        reason: "no serving owner",
        origin: { source: "a.jsonl", line: 1, offset: 0 },
        record: JSON.stringify({ id: "a", text: "one", tag: 1 }),
      },
    ]);
    expect(result.deadLetters).toEqual({ count: 1, file: "dead.jsonl", reasons: [{ reason: "no serving owner", count: 1 }] });
  });

  it("that never succeed at all end the run instead of burying everything", async () => {
    const clock = new SimClock();
    const cluster = fakeCluster();
    cluster.state.onWrite = () => {
      throw new RagctlError("no node could be reached", { code: "unreachable", exitCode: ExitCode.unreachable });
    };
    const records = Array.from({ length: 2000 }, (_, id) => ({ id, text: `text ${id}` }));
    const dir = tempDir({ "a.jsonl": jsonl(...records) });
    const running = ingest({ cluster, cwd: dir, paths: ["a.jsonl"], clock });
    await advanceUntil(clock, running);
    await expect(running).rejects.toMatchObject({
      code: "ingest-writes-failing",
      exitCode: 3,
      message: expect.stringContaining("no node could be reached"),
    });
  });
});

it("stops after the writes under way when interrupted; the next run goes on", async () => {
  const records = Array.from({ length: 3000 }, (_, id) => ({ id, text: `text ${id}` }));
  const dir = tempDir({ "a.jsonl": jsonl(...records) });
  const cluster = fakeCluster();
  const stop = new AbortController();
  cluster.state.beforeWrite = async () => stop.abort(new Interrupted("SIGINT"));
  const { result } = await ingest({ cluster, cwd: dir, paths: ["a.jsonl"], signal: stop.signal });
  expect(result).toMatchObject({ interrupted: true, resumable: true });
  const { read, ok } = result.documents;
  expect(read).toBe(ok);
  expect(ok).toBe(cluster.points("docs").size);
  expect(ok).toBeGreaterThan(0);
  expect(ok).toBeLessThan(3000);
  cluster.state.beforeWrite = async () => {};
  const again = await ingest({ cluster, cwd: dir, paths: ["a.jsonl"] });
  expect(again.result.documents).toEqual({ read: 3000, ok: 3000 - ok, unchanged: ok, skipped: 0, dead: 0 });
});

describe("the embedder", () => {
  const dir = () =>
    tempDir({ "a.jsonl": jsonl(...Array.from({ length: 40 }, (_, id) => ({ id, text: id === 17 ? "poison" : `text ${id}` }))) });
  const refusing = (poisonous: (text: string) => boolean, code = "embedder-refused") => ({
    name: "openai:test",
    dim: 2,
    async embed(texts: readonly string[]) {
      if (texts.some(poisonous)) throw new RagctlError("answered 400: bad text", { code, exitCode: ExitCode.unreachable });
      return texts.map(() => Float32Array.of(1, 0));
    },
    close: async () => {},
  });

  it("that refuses one text costs that document alone", async () => {
    const cluster = fakeCluster();
    const { result, dead } = await ingest({ cluster, cwd: dir(), paths: ["."], embedder: refusing((text) => text === "poison") });
    expect(result.documents).toEqual({ read: 40, ok: 39, unchanged: 0, skipped: 0, dead: 1 });
    expect(dead[0]).toMatchObject({ id: "17", stage: "embed", reason: "chunk 0: answered 400: bad text" });
  });

  it("that refuses everything ends the run", async () => {
    const run = ingest({ cluster: fakeCluster(), cwd: dir(), paths: ["."], embedder: refusing(() => true) });
    await expect(run).rejects.toMatchObject({ code: "embedder-refused" });
  });

  it("that cannot be reached ends the run", async () => {
    const run = ingest({
      cluster: fakeCluster(),
      cwd: dir(),
      paths: ["."],
      embedder: refusing(() => true, "embedder-unreachable"),
    });
    await expect(run).rejects.toMatchObject({ code: "embedder-unreachable" });
  });

  it("must make vectors of the collection's size", async () => {
    const cluster = fakeCluster();
    await ingest({ cluster, cwd: dir(), paths: ["."] });
    const run = ingest({ cluster, cwd: dir(), paths: ["."], embedder: refusing(() => false) });
    await expect(run).rejects.toMatchObject({
      exitCode: 2,
      message: "collection docs holds vectors of 384 dimensions; the embedder openai:test makes 2",
    });
  });
});

/** Moves simulated time on until the promise has settled. */
async function advanceUntil(clock: SimClock, pending: Promise<unknown>): Promise<void> {
  const state = { settled: false };
  void pending.catch(() => {}).then(() => (state.settled = true));
  for (let turn = 0; turn < 2000 && !state.settled; turn++) await clock.advance(100);
}
