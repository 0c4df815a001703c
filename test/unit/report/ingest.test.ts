import { expect, it } from "vitest";
import type { IngestResult } from "../../../src/ingest/result.ts";
import { ingestProgressNote, ingestReport } from "../../../src/report/ingest.ts";
import { makeStyle } from "../../../src/report/style.ts";

const style = makeStyle({ color: false, columns: 80 });
const stage = (name: string, busy: number) => ({
  name,
  workers: 1,
  done: 1,
  busy,
  blocked: 0,
  queue: { capacity: 4, peak: 1, meanFill: 0.1 },
});
const result: IngestResult = {
  runId: "r1",
  cluster: "local",
  collection: "docs",
  created: true,
  embedder: { name: "hashing-384-v1", dim: 384 },
  documents: { read: 1400, ok: 1396, unchanged: 0, skipped: 2, dead: 2 },
  embeddings: null,
  resumed: null,
  changedSince: null,
  batchSize: { smallest: 256, largest: 256, last: 256 },
  chunks: { written: 2104, unchanged: 0, deleted: 0 },
  files: { read: 1, ignored: 0 },
  bytes: 1_600_000,
  skipped: [
    { source: "docs.jsonl", line: 471, id: "471" },
    { source: "notes/empty.md", id: "notes/empty.md" },
  ],
  deadLetters: { count: 2, file: "/state/runs/r1/dead-letters.jsonl", reasons: [{ reason: 'no field "text"', count: 2 }] },
  markedStale: [],
  elapsedMs: 1840,
  rates: { documentsPerSec: 761, chunksPerSec: 1143, bytesPerSec: 869_565 },
  stages: [stage("read", 0.02), stage("chunk", 0.1), stage("compare", 0), stage("embed", 0.62), stage("write", 0.31)],
  bottleneck: "embed",
  interrupted: false,
  resumable: false,
};

it("says what became of every document", () => {
  expect(ingestReport(result, style)).toMatchInlineSnapshot(`
    "not all: 1,400 documents read into the new collection docs of cluster local

      documents  1,396 stored · 0 unchanged · 2 skipped · 2 dead
      chunks     2,104 written · 0 unchanged · 0 deleted
      time       1.84 s · 761 documents/s · 1,143 chunks/s
      busy       read 2.00 % · chunk 10.0 % · compare 0 % · embed 62.0 % · write 31.0 %
      embedder   hashing-384-v1, 384 dimensions
      skipped    without text: docs.jsonl:471 (id 471), notes/empty.md
      dead       /state/runs/r1/dead-letters.jsonl
                 2 × no field "text""
  `);
  expect(ingestReport({ ...result, interrupted: true }, style).split("\n")[0]).toMatchInlineSnapshot(
    `"interrupted: 1,400 documents read into the new collection docs of cluster local; the same command goes on"`,
  );
  const chunks = { written: 0, unchanged: 2104, deleted: 0 };
  const again = {
    ...result,
    created: false,
    chunks,
    documents: { read: 5, ok: 0, unchanged: 5, skipped: 0, dead: 0 },
    skipped: [],
  };
  expect(ingestReport({ ...again, deadLetters: { count: 0, file: null, reasons: [] } }, style)).toMatchInlineSnapshot(`
    "nothing to do: 5 documents of collection docs of cluster local as before

      documents  0 stored · 5 unchanged · 0 skipped · 0 dead
      chunks     0 written · 2,104 unchanged · 0 deleted
      time       1.84 s · 761 documents/s · 1,143 chunks/s
      busy       read 2.00 % · chunk 10.0 % · compare 0 % · embed 62.0 % · write 31.0 %
      embedder   hashing-384-v1, 384 dimensions"
  `);
});

it("says what happened where nothing was stored", () => {
  const head = (documents: Partial<IngestResult["documents"]>, more: Partial<IngestResult> = {}) =>
    ingestReport(
      {
        ...result,
        documents: { read: 0, ok: 0, unchanged: 0, skipped: 0, dead: 0, ...documents },
        chunks: { written: 0, unchanged: 0, deleted: 0 },
        deadLetters: { count: 0, file: null, reasons: [] },
        ...more,
      },
      style,
    ).split("\n")[0];
  const there = { created: false };
  expect([
    head({ read: 1, skipped: 1 }),
    head({ read: 2, skipped: 2 }, there),
    head({}, { ...there, files: { read: 1, ignored: 0 } }),
    head({ read: 3, unchanged: 1, skipped: 2 }, there),
    head({ read: 1, skipped: 1 }, { ...there, chunks: { written: 0, unchanged: 0, deleted: 3 } }),
    head({ read: 1, ok: 1 }, { chunks: { written: 1, unchanged: 0, deleted: 0 } }),
  ]).toMatchInlineSnapshot(`
    [
      "nothing to store: 1 document skipped: no text; nothing was written, and the new collection docs of cluster local is empty",
      "nothing to store: 2 documents skipped: no text; nothing was written to collection docs of cluster local",
      "nothing to store: no documents in 1 file; nothing was written to collection docs of cluster local",
      "nothing to do: 1 document of collection docs of cluster local as before; 2 documents skipped: no text",
      "done: 1 document read into collection docs of cluster local",
      "done: 1 document read into the new collection docs of cluster local",
    ]
  `);
});

it("says where it is on the way", () => {
  const progress = {
    bytes: 1,
    totalBytes: 9,
    documents: 1200,
    chunks: 1512,
    dead: 0,
    chunksPerSec: undefined,
    bottleneck: undefined,
  };
  expect(ingestProgressNote({ ...progress, leftMs: undefined })).toBe("1,200 documents, 1,512 chunks");
  expect(ingestProgressNote({ ...progress, dead: 3, chunksPerSec: 480, bottleneck: "embed", leftMs: 61_000 })).toBe(
    "1,200 documents, 1,512 chunks · 3 dead · 480/s · slowest now: embed · 61.0 s left",
  );
});

it("says what was done before", () => {
  const documents = { ok: 7, unchanged: 2, skipped: 0, dead: 1 };
  expect(ingestReport({ ...result, resumed: { run: "r1", documents } }, style)).toContain(
    "  resumed    10 documents were done by run r1, 1 of them dead\n",
  );
  expect(ingestReport({ ...result, changedSince: "a.jsonl" }, style)).toContain(
    "  resumed    from the beginning: a.jsonl changed since\n",
  );
});
