import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ReaderOptions } from "../../../src/ingest/contract.ts";
import { listInputs } from "../../../src/ingest/inputs/list.ts";
import type { Batch, SliceFile, SliceResult } from "../../../src/ingest/queue/contract.ts";
import { sliceFiles, sliceProblem } from "../../../src/ingest/queue/slices.ts";
import { batchStatus, ratesOf } from "../../../src/ingest/queue/status.ts";
import { readers } from "../../../src/ingest/readers/index.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

const reader: ReaderOptions = {
  idField: "id",
  textField: "text",
  titleField: "title",
  vectorField: "vector",
  payload: "all",
  idPrefix: "",
};
const { signal } = new AbortController();

/** What a worker would read of its slice. */
async function idsOf(file: SliceFile): Promise<string[]> {
  const found: string[] = [];
  const context = { signal, onBytes: () => undefined, ...(file.from ? { from: file.from } : {}) };
  for await (const item of readers[file.reader].read(file, reader, context)) {
    found.push(item.kind === "document" ? item.id : `dead at line ${item.origin.line}`);
    if (found.length === file.items) break;
  }
  return found;
}

test("the slices of files of records hold each record once, broken ones too, whatever the size of a job", async () => {
  const cwd = tempDir();
  const lines = Array.from({ length: 23 }, (_, n) =>
    n === 9 ? "{broken" : JSON.stringify({ id: `d${n}`, text: "x".repeat(n) }),
  );
  // Blank lines are no records.
  writeFileSync(join(cwd, "a.jsonl"), `${lines.slice(0, 12).join("\n")}\n\n\n${lines.slice(12).join("\n")}\n`);
  writeFileSync(
    join(cwd, "b.csv"),
    `id,text\n${Array.from({ length: 8 }, (_, n) => `c${n},"text, ${n}\nof two lines"`).join("\n")}\n`,
  );
  const { files, totalBytes } = await listInputs(["a.jsonl", "b.csv"], { cwd });
  const whole = (await Promise.all(files.map((file) => idsOf(file)))).flat();
  expect(whole).toHaveLength(31);
  for (const itemsPerJob of [1, 5, 8, 23, 100]) {
    const found: string[] = [];
    let bytes = 0;
    for await (const job of sliceFiles(files, { reader, itemsPerJob, signal })) {
      expect(job.files).toHaveLength(1);
      const ids = await idsOf(job.files[0]!);
      expect(ids.length).toBeLessThanOrEqual(itemsPerJob);
      found.push(...ids);
      bytes += job.bytes;
      expect(await sliceProblem(job.files[0]!)).toBeUndefined();
    }
    expect(found, `${itemsPerJob} a job`).toEqual(whole);
    expect(bytes).toBe(totalBytes);
  }
});

test("files that are one document each go together, and a job's worker must have the same ones", async () => {
  const cwd = tempDir();
  mkdirSync(join(cwd, "docs"));
  for (let n = 0; n < 7; n++) writeFileSync(join(cwd, "docs", `${n}.md`), `# Page ${n}\n`);
  const { files } = await listInputs(["docs"], { cwd });
  const jobs: { files: SliceFile[] }[] = [];
  for await (const job of sliceFiles(files, { reader, itemsPerJob: 3, signal })) jobs.push(job);
  expect(jobs.map((job) => job.files.length)).toEqual([3, 3, 1]);
  const [first, second] = jobs[0]!.files;
  writeFileSync(first!.path, "# Page X\n");
  expect(await sliceProblem(first!)).toContain("is not the file here that was enqueued");
  writeFileSync(second!.path, "# Another, longer\n");
  expect(await sliceProblem(second!)).toMatch(/has \d+ bytes here; \d+ were enqueued/);
  expect(await sliceProblem({ ...second!, path: join(cwd, "gone.md") })).toContain("cannot be read here");
});

const result = (batch: string, finishedAtMs: number, documents: number): SliceResult => ({
  batch,
  bytes: documents * 100,
  documents: { read: documents, ok: documents, unchanged: 0, skipped: 0, dead: 0 },
  chunks: { written: documents * 2, unchanged: 0, deleted: 0 },
  elapsedMs: 1_000,
  finishedAtMs,
  worker: "w",
});

test.each([
  ["nothing has ended", [], 0],
  ["one job of a second, just now", [result("b", 100_000, 50)], 50],
  ["two workers' jobs of the same second", [result("b", 100_000, 50), result("b", 100_000, 50)], 100],
  ["four seconds since the first began", [result("b", 97_000, 50), result("b", 100_000, 50)], 25],
  ["over a minute ago", [result("b", 39_999, 50)], 0],
])("rates: %s", (_name, results, documentsPerSec) => {
  const rates = ratesOf(results, 100_000);
  expect(rates.documentsPerSec).toBeCloseTo(documentsPerSec);
  expect(rates.chunksPerSec).toBeCloseTo(2 * documentsPerSec);
});

test("a batch's progress counts its own jobs alone", () => {
  const batch = { id: "b", jobs: 4, bytes: 20_000, complete: true, paths: ["x"], collection: "docs", enqueuedAtMs: 0 } as Batch;
  expect(batchStatus(batch, [result("b", 1, 50), result("other", 1, 50), result("b", 2, 10)])).toMatchObject({
    jobs: { total: 4, done: 2 },
    bytes: { total: 20_000, done: 6_000 },
    documents: { read: 60 },
    chunks: { written: 120 },
  });
});
