import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ExitCode, RagctlError } from "../../../src/errors.ts";
import type { Item, SourceDocument } from "../../../src/ingest/contract.ts";
import { Acknowledged } from "../../../src/ingest/journal/acknowledged.ts";
import type { FilePosition, IngestJournal, JournalEntry, ResumeState } from "../../../src/ingest/journal/contract.ts";
import { beginEvent, readIngestRun, readResumeState } from "../../../src/ingest/journal/resume.ts";
import { runJournal, seenFile } from "../../../src/ingest/journal/writer.ts";
import { digestOf } from "../../../src/ingest/seen-ids.ts";
import { openRun } from "../../../src/runs/index.ts";
import { seededRng } from "../../../src/runtime.ts";
import { fakeRuntime } from "../../helpers/fake-runtime.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { fakeCluster } from "./fake-cluster.ts";
import { ingest, jsonl } from "./set-up.ts";

const position = (path = "/a.jsonl"): FilePosition => ({ path, bytes: 100, mtimeMs: 1, items: 0 });
const documentAt = (line: number): SourceDocument => ({
  kind: "document",
  id: `d${line}`,
  idFromContent: false,
  origin: { source: "a", line, offset: line * 10 },
  text: "",
  format: "text",
  fields: {},
});

describe("what is acknowledged", () => {
  it("moves only over items without a gap before them", () => {
    const acknowledged = new Acknowledged();
    const file = acknowledged.open(position());
    const items = [1, 2, 3, 4].map(documentAt);
    for (const item of items) acknowledged.read(file, item);
    acknowledged.settled(items[2]!, "ok");
    acknowledged.settled(items[1]!, "dead");
    expect(acknowledged.take()).toBeUndefined();
    acknowledged.settled(items[0]!, "unchanged");
    expect(acknowledged.take()).toEqual({
      entry: {
        files: [{ ...position(), items: 3, place: { line: 3, offset: 30 } }],
        seen: 3,
        documents: { ok: 1, unchanged: 1, skipped: 0, dead: 1 },
      },
      digests: ["d1", "d2", "d3"].map(digestOf),
    });
    acknowledged.ended(file);
    expect(acknowledged.take()).toBeUndefined();
    acknowledged.settled(items[3]!, "ok");
    expect(acknowledged.take()?.entry.files).toEqual([{ ...position(), items: 4, place: { line: 4, offset: 40 }, done: true }]);
  });

  it("notes an id with the document that is stored under it, not with one that repeats it", () => {
    const acknowledged = new Acknowledged();
    const [one, two] = [acknowledged.open(position("/a")), acknowledged.open(position("/b"))];
    const [first, again] = [documentAt(1), documentAt(1)];
    acknowledged.read(one, first);
    acknowledged.read(two, again, true);
    acknowledged.settled(again, "dead");
    // A crash now leaves the first to be read again, and to be stored.
    expect(acknowledged.take()).toMatchObject({ entry: { seen: 0, files: [{ path: "/b", items: 1 }] }, digests: [] });
    acknowledged.settled(first, "ok");
    expect(acknowledged.take()?.digests).toEqual([digestOf("d1")]);
  });

  it("is always a prefix, in whatever order items end", () => {
    const seed = 5;
    const rng = seededRng(seed);
    for (let round = 0; round < 50; round++) {
      const acknowledged = new Acknowledged();
      const file = acknowledged.open(position());
      const items = Array.from({ length: 700 }, (_, at) => documentAt(at + 1));
      const open: Item[] = [];
      const settled = new Set<Item>();
      let next = 0;
      let done = 0;
      while (settled.size < items.length) {
        if (next < items.length && (open.length === 0 || rng() < 0.5)) {
          acknowledged.read(file, items[next]!);
          open.push(items[next++]!);
        } else {
          const [item] = open.splice(Math.floor(rng() * open.length), 1);
          settled.add(item!);
          acknowledged.settled(item!, "ok");
        }
        if (rng() < 0.1) done = acknowledged.take()?.entry.files[0]!.items ?? done;
        const prefix = items.findIndex((item) => !settled.has(item));
        expect(done, `seed ${seed}`).toBeLessThanOrEqual(prefix === -1 ? items.length : prefix);
      }
      acknowledged.ended(file);
      done = acknowledged.take()?.entry.files[0]!.items ?? done;
      expect(done).toBe(items.length);
    }
  });
});

/** A run's journal on disk, and what `--resume` makes of it. */
function onDisk() {
  const runtime = fakeRuntime({ cwd: tempDir() });
  const begin = (continues?: string, takesOver = continues) => {
    const run = openRun(runtime, { command: "ingest", cluster: "c", resume: "ragctl ingest --resume {id}" });
    run.event({
      kind: "ingest",
      name: beginEvent,
      phase: "start",
      detail: {
        input: {},
        cwd: "/",
        cluster: "c",
        collection: "docs",
        ...(continues ? { continues } : {}),
        ...(takesOver ? { takesOver } : {}),
      },
    });
    return { run, journal: runJournal(run) };
  };
  const read = (wanted: string) => readResumeState(runtime.stateDir, readIngestRun(runtime.stateDir, wanted));
  return { runtime, begin, read };
}
const entry = (items: number, seen: number): JournalEntry => ({
  files: [{ ...position(), items }],
  seen,
  documents: { ok: items, unchanged: 0, skipped: 0, dead: 0 },
});

describe("a journal on disk", () => {
  it("is read back, ids and all, through a chain of runs; what no line counts is left out", () => {
    const { begin, read } = onDisk();
    const one = begin();
    one.journal.append(entry(2, 2), [1n, 2n]);
    // Ids of a line that was never written, and half an id.
    appendFileSync(join(one.run.dir, seenFile), Buffer.alloc(12, 7));
    const two = begin(one.run.id);
    two.journal.append(entry(3, 3), [3n]);
    appendFileSync(join(two.run.dir, "journal.ndjson"), '{"at":1,"kind":"ingest","name":"ackn');
    expect(read(two.run.id)).toEqual({
      run: two.run.id,
      files: new Map([["/a.jsonl", { ...position(), items: 3 }]]),
      seen: BigUint64Array.from([1n, 2n, 3n]),
      documents: { ok: 3, unchanged: 0, skipped: 0, dead: 0 },
    });
    expect(read(one.run.id)?.seen).toEqual(BigUint64Array.from([1n, 2n]));
  });

  it("that lost ids, or a run of the chain, is not gone on from: everything is read again", () => {
    const { begin, read } = onDisk();
    const one = begin();
    one.journal.append(entry(2, 2), [1n, 2n]);
    writeFileSync(join(one.run.dir, seenFile), Buffer.alloc(8));
    expect(read(one.run.id)).toBeUndefined();
    expect(read(begin("20200101-000000-gone").run.id)).toBeUndefined();
    expect(read(begin().run.id)).toBeUndefined();
  });

  it("that another run has taken over is not the latest any more, though both began in one second", () => {
    const { begin, runtime } = onDisk();
    const ended = (run: ReturnType<typeof begin>["run"]) => run.end({ exitCode: 130, state: "interrupted", resume: "again" });
    const one = begin();
    ended(one.run);
    expect(readIngestRun(runtime.stateDir, "latest").detail.summary.id).toBe(one.run.id);
    const two = begin(undefined, one.run.id);
    two.run.end({ exitCode: 0, state: "done" });
    expect(() => readIngestRun(runtime.stateDir, "latest")).toThrow("no run of ingest that stopped");
    const three = begin(one.run.id);
    ended(three.run);
    expect(readIngestRun(runtime.stateDir, "latest").detail.summary.id).toBe(three.run.id);
  });

  it("names runs that are none of ingest, or never began", () => {
    const { runtime } = onDisk();
    expect(() => readIngestRun(runtime.stateDir, "latest")).toThrow("no run of ingest that stopped");
    const run = openRun(runtime, { command: "load" });
    expect(() => readIngestRun(runtime.stateDir, run.id)).toThrow("it is one of ragctl load");
  });

  it("that cannot be written ends the run with exit 5 and a sentence", () => {
    const { begin } = onDisk();
    const { run, journal } = begin();
    mkdirSync(join(run.dir, seenFile));
    expect(() => journal.append(entry(1, 1), [1n])).toThrow(
      expect.objectContaining({ exitCode: ExitCode.unhealed, message: expect.stringContaining("could not be written to disk") }),
    );
  });
});

/** A journal in memory, as a crash would leave it after so many entries. */
function memoryJournal() {
  const kept: { entry: JournalEntry; digests: bigint[] }[] = [];
  const journal: IngestJournal = {
    append: (entry, digests) => void kept.push({ entry: structuredClone(entry), digests: [...digests] }),
    close() {},
  };
  const state = (entries = kept.length): ResumeState | undefined => {
    const some = kept.slice(0, entries);
    const last = some.at(-1)?.entry;
    return (
      last && {
        run: "before",
        files: new Map(some.flatMap(({ entry }) => entry.files.map((file) => [file.path, file] as const))),
        seen: BigUint64Array.from(some.flatMap(({ digests }) => digests)),
        documents: last.documents,
      }
    );
  };
  return { journal, kept, state };
}

describe("a run that is gone on with", () => {
  const records = Array.from({ length: 3000 }, (_, at) => ({ id: `r${at % 2990}`, text: `text number ${at % 2990}` }));
  const files = () =>
    tempDir({ "a.jsonl": jsonl(...records), "b.md": "# b\n\nhello", "c.jsonl": jsonl({ id: "c", text: "see" }) });
  const paths = ["a.jsonl", "b.md", "c.jsonl"];

  it("after a crash at any write stores the same, reads no more than it must, and knows which ids there were", async () => {
    const cwd = files();
    const clean = fakeCluster();
    const whole = await ingest({ cluster: clean, cwd, paths });
    expect(whole.result.documents).toMatchObject({ read: 3002, ok: 2992, dead: 10 });
    let before = 0;
    for (const crashAt of [1, 3, 6, 9]) {
      const cluster = fakeCluster();
      const { journal, state, kept } = memoryJournal();
      let writes = 0;
      cluster.state.onWrite = () => {
        if (++writes > crashAt) throw new RagctlError("crash", { code: "crash", exitCode: ExitCode.bug });
        return undefined;
      };
      await expect(ingest({ cluster, cwd, paths, journal, eager: true })).rejects.toThrow("crash");
      cluster.state.onWrite = () => undefined;
      // As if the last entries had not reached the disk.
      const resume = state(Math.max(0, kept.length - (crashAt % 2)));
      const { result } = await ingest({ cluster, cwd, paths, resume });
      before = resume ? Object.values(resume.documents).reduce((sum, count) => sum + count, 0) : 0;
      expect(result.documents.read).toBe(3002 - before);
      expect(result.documents.dead + (resume?.documents.dead ?? 0)).toBe(10);
      expect(cluster.points("docs")).toEqual(clean.points("docs"));
    }
    // The last crash came late enough that much was done.
    expect(before).toBeGreaterThan(500);
  });

  it("reads anew where a file changed since, and says which", async () => {
    const cwd = files();
    const cluster = fakeCluster();
    const { journal, state } = memoryJournal();
    await ingest({ cluster, cwd, paths, journal });
    appendFileSync(join(cwd, "c.jsonl"), `\n${JSON.stringify({ id: "new", text: "new" })}`);
    const { result } = await ingest({ cluster, cwd, paths, resume: state() });
    expect([result.changedSince, result.resumed, result.documents]).toEqual([
      "c.jsonl",
      null,
      { read: 3003, ok: 1, unchanged: 2992, skipped: 0, dead: 10 },
    ]);
  });

  it("that was done reads nothing", async () => {
    const cwd = files();
    const cluster = fakeCluster();
    const { journal, state } = memoryJournal();
    const first = await ingest({ cluster, cwd, paths, journal });
    const { result } = await ingest({ cluster, cwd, paths, resume: state() });
    expect(result.documents).toEqual({ read: 0, ok: 0, unchanged: 0, skipped: 0, dead: 0 });
    expect(result.resumed).toEqual({ run: "before", documents: { ok: 2992, unchanged: 0, skipped: 0, dead: 10 } });
    expect(result.bytes).toBe(first.result.bytes);
    expect(readFileSync(join(cwd, "a.jsonl")).length).toBeLessThan(result.bytes);
  });

  it("takes a stretch of a file alone, as a queue's worker does", async () => {
    const cwd = files();
    const cluster = fakeCluster();
    const slice = () => ({ from: { line: 101, offset: jsonl(...records.slice(0, 100)).length + 1 }, items: 50 });
    const { result } = await ingest({ cluster, cwd, paths: ["a.jsonl"], slice });
    expect(result.documents).toMatchObject({ read: 50, ok: 50 });
    expect([...cluster.points("docs").keys()]).toEqual(Array.from({ length: 50 }, (_, at) => `r${at + 100}#0`));
  });
});
