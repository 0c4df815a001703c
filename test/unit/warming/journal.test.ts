import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openJournal, readJournal, writePlan } from "../../../src/warming/journal.ts";
import { replay } from "../../../src/warming/replay.ts";
import { decodeVector, encodeResult, encodeVector } from "../../../src/warming/cache/values.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

test("a journal gives back what was done; what failed, and what a crash cut short, is done again", () => {
  const dir = tempDir();
  writePlan(dir, { head: 1 }, ["a", "b", "c", "d"]);
  const journal = openJournal(dir, () => expect.unreachable());
  journal.done(0, "warmed");
  journal.flush();
  journal.done(1, "skipped");
  journal.done(2, "failed");
  journal.close();
  appendFileSync(join(dir, "warm-done.ndjson"), '{"warmed":[3');
  const read = readJournal(dir);
  expect(read).toMatchObject({ head: { head: 1 }, lines: ["a", "b", "c", "d"] });
  expect([...read.done]).toEqual([
    [0, "warmed"],
    [1, "skipped"],
  ]);
});

test("a directory without a plan is nothing to resume", () => {
  expect(() => readJournal(tempDir())).toThrow(expect.objectContaining({ code: "no-plan", exitCode: 2 }));
});

test("a replay weighs each query by how often it came, and asks once", async () => {
  const asked: string[] = [];
  const outcome = await replay(
    [
      { query: "a", count: 6 },
      { query: "b", count: 3 },
      { query: "c", count: 1 },
    ],
    {
      isHeld: (query) => Promise.resolve(asked.push(query) > 0 && query !== "b"),
      planned: new Set(["a"]),
      signal: new AbortController().signal,
    },
  );
  expect(outcome).toEqual({ references: 10, hits: 7, hitRate: 0.7, plannedHitRate: 0.6 });
  expect(asked).toEqual(["a", "b", "c"]);
});

test("vectors as bytes and back; what is no vector of the dimension is none", () => {
  const vector = new Float32Array([0.1, -2, 3e-9]);
  expect(decodeVector(encodeVector(vector), 3)).toEqual(vector);
  expect(decodeVector(encodeVector(vector), 4)).toBeUndefined();
  expect(decodeVector(encodeVector(new Float32Array([Number.NaN])), 1)).toBeUndefined();
});

test("a result names the caller's key where a point has one", () => {
  const hits = [
    { id: "u", score: 0.5, payload: { _ragctl_key: "doc#0", text: "t" } },
    { id: 7, score: 0.4 },
  ];
  expect(JSON.parse(encodeResult(hits).toString())).toEqual({
    hits: [
      { id: "u", key: "doc#0", score: 0.5, payload: { _ragctl_key: "doc#0", text: "t" } },
      { id: 7, key: "7", score: 0.4, payload: {} },
    ],
  });
});
