import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { splitLog } from "../../../src/warming/plan/split.ts";
import { readCounts, readLog } from "../../../src/warming/read/log.ts";

const of = (text: string | Buffer) => ({ file: "-", stdin: Readable.from([Buffer.from(text)]) });

test("JSONL: the query by any of its names, normalised; what a row tells is a mean over the rows", async () => {
  const log = await readLog(
    of(
      [
        '{"query": "a  b ", "latency_ms": 10, "tokens": 5}',
        '{"question": "c", "cost": "0.5"}',
        '"a b"',
        '{"q": "a b", "latency_ms": 30}',
        "",
      ].join("\n"),
    ),
  );
  expect(log.queries).toEqual(["a b", "c"]);
  expect([...log.references]).toEqual([0, 1, 0, 0]);
  const { training } = splitLog(log, 0);
  expect(training).toEqual([
    { query: "a b", count: 3, told: { latencyMs: 20, tokens: 5 } },
    { query: "c", count: 1, told: { money: 0.5 } },
  ]);
});

test.each([
  ["one query a line", "a\nb\r\na\n\n"],
  ["CSV with a header", 'time,query\n1,a\n2,"b"\n3,a\n'],
  ["CSV in gzip", gzipSync('time,query\n1,a\n2,"b"\n3,a')],
])("%s", async (_, text) => {
  const { queries, references } = await readLog(of(text));
  expect([queries, [...references]]).toEqual([
    ["a", "b"],
    [0, 1, 0],
  ]);
});

test("a list: counts add up; in a log a count is not minded", async () => {
  const text = "query,count\nb,2\na,5\nb,4\n";
  expect(await readCounts(of(text))).toEqual([
    { query: "b", count: 6 },
    { query: "a", count: 5 },
  ]);
  expect((await readLog(of(text))).references).toHaveLength(3);
});

test("every line that is wrong, at once", async () => {
  const text = '{"query": "a"}\n{"query": 3}\n{oops\n{"query": " "}\n{"other": 1}\n{"query": "b", "tokens": "many"}\n';
  await expect(readLog(of(text))).rejects.toMatchObject({
    exitCode: 2,
    details: [
      { line: 2, message: "expected words under query, got 3" },
      { line: 3, message: "is not JSON" },
      { line: 4, message: "query is empty" },
      { line: 5, message: "has no query: expected a field query, question, text, q or prompt" },
      { line: 6, message: "expected a number of zero or more under tokens" },
    ],
  });
  await expect(readLog(of("\n\n"))).rejects.toMatchObject({ exitCode: 2, message: "stdin: holds no queries" });
  await expect(readCounts(of("query,count\na,0\n"))).rejects.toMatchObject({ exitCode: 2 });
});

test("the last part of a log is held out, and something is always left to plan from", async () => {
  const log = await readLog(of("a\na\nb\nc\nb\n"));
  expect(splitLog(log, 0.4)).toEqual({
    training: [
      { query: "a", count: 2 },
      { query: "b", count: 1 },
    ],
    heldOut: [
      { query: "b", count: 1 },
      { query: "c", count: 1 },
    ],
    trainingReferences: 3,
    heldOutReferences: 2,
  });
  expect(splitLog(log, 0.999).trainingReferences).toBe(1);
});
