import { expect, test } from "vitest";
import type { IngestStatusResult } from "../../../src/ingest/queue/result.ts";
import { ingestStatusReport } from "../../../src/report/ingest-queue.ts";
import { makeStyle } from "../../../src/report/style.ts";

const style = makeStyle({ color: false, columns: 80 });

const status: IngestStatusResult = {
  cluster: "prod",
  deadLettersFile: null,
  aliases: [
    {
      alias: "docs",
      collection: "docs-20260131-235959-k3f9",
      settled: "unfinished",
      switching: { to: "docs-20260131-235959-k3f9", phase: "committing", done: ["n1", "n2"], nodes: ["n1", "n2", "n3"] },
      nodes: [
        { id: "n1", collection: "docs-20260131-235959-k3f9", problem: null },
        { id: "n3", collection: null, problem: "node n3 (http://n3:6333): connection refused" },
      ],
      releases: [
        {
          id: "20260131-235959-k3f9",
          collection: "docs-20260131-235959-k3f9",
          state: "serving",
          points: 10_200_300,
          createdAtMs: Date.UTC(2026, 0, 31, 23, 59),
          servedAtMs: Date.UTC(2026, 1, 1),
        },
      ],
    },
  ],
  queue: {
    queue: "redis://queue:6379",
    jobs: { waiting: 4_812, active: 4, delayed: 1, failed: 1 },
    rates: { documentsPerSec: 1_833, chunksPerSec: 2_750, bytesPerSec: 2_200_000 },
    batches: [
      {
        id: "20260201-000100-ab12",
        collection: "a-collection-with-quite-a-long-name-for-a-table",
        paths: ["corpus"],
        enqueuedAtMs: 0,
        complete: false,
        jobs: { total: 5_000, done: 182 },
        bytes: { total: 100, done: 4 },
        documents: { read: 364_000, ok: 363_990, unchanged: 0, skipped: 0, dead: 10 },
        chunks: { written: 546_000, unchanged: 0, deleted: 0 },
      },
    ],
    workers: [
      {
        id: "host-with-a-long-name-4711-ab12",
        host: "h",
        pid: 4711,
        state: "busy",
        jobs: { active: 4, done: 92, failed: 0 },
        seenAtMs: 0,
      },
      { id: "other-4712-cd34", host: "o", pid: 4712, state: "stalled", jobs: { active: 1, done: 90, failed: 1 }, seenAtMs: 0 },
    ],
    deadLetters: {
      records: 10,
      jobs: [{ id: "20260201-000100-ab12-7", source: "corpus/a.jsonl", attempts: 5, reason: "the file is another one here" }],
    },
    leftMs: 2_640_000,
  },
};

test("the status of ingest, for people", () => {
  const text = ingestStatusReport(status, style);
  expect(text).toMatchInlineSnapshot(`
    "docs → docs-20260131-235959-k3f9
      a switch is decided, and not every node could be told
      switch to docs-20260131-235959-k3f9: committing, 2 of 3 nodes
      node n3 (http://n3:6333): connection refused
      release                    state        points  built (UTC)
      docs-20260131-235959-k3f9  serving  10,200,300  2026-01-31 23:59

    queue redis://queue:6379
      jobs       4,812 waiting · 4 in hand · 1 to be tried again · 1 given up on, 44 m 0 s left
      last min.  1,833 documents/s · 2,750 chunks/s · 2.10 MiB/s

    batch                 collection                     jobs    done   chunks  dead
    20260201-000100-ab12  a-collection-with-quit…  182/5,000+  4.00 %  546,000    10

    worker                           state    in hand  done  given back
    host-with-a-long-name-4711-ab12  busy           4    92           0
    other-4712-cd34                  stalled        1    90           1
    given up on after 5: 20260201-000100-ab12-7 (corpus/a.jsonl): the file is another one here
    10 dead records: --dead-letters FILE writes them down for ragctl ingest retry"
  `);
  for (const line of text.split("\n"))
    if (/^(batch|worker| {2}release|20|host|other)/.test(line)) expect(line.length, line).toBeLessThanOrEqual(80);
});

test("without releases and without a queue it says so", () => {
  const text = ingestStatusReport({ cluster: "prod", aliases: [], queue: null, deadLettersFile: null }, style);
  expect(text).toBe("cluster prod has no releases, and no queue is named");
});
