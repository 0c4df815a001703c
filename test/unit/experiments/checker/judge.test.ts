import { describe, expect, test } from "vitest";
import { findingOf, KeyHistory, staleReads, type Found } from "../../../../src/experiments/checker/judge.ts";
import { decodeOperation, encodeOperation, type KeyOperation } from "../../../../src/experiments/checker/operation.ts";

/** One operation of a key: from, to, and what it says. Times in µs. */
type Made = KeyOperation;
const write = (version: number | undefined, startUs: number, endUs: number, sure = true): Made => ({
  kind: "write",
  version,
  startUs,
  endUs,
  sure,
});
const remove = (version: number, startUs: number, endUs: number, sure = true): Made => ({
  kind: "delete",
  version,
  startUs,
  endUs,
  sure,
});
const read = (
  version: number | "nothing" | "no version",
  startUs: number,
  endUs: number,
  kind: "read" | "hit" = "read",
): Made => ({
  kind,
  version: typeof version === "number" ? version : undefined,
  startUs,
  endUs,
  sure: version !== "nothing",
});

const nothing: Found = { there: false };
const at = (version: number | undefined): Found => ({ there: true, version });

describe("what a replica must have in the end", () => {
  test.each<[string, Made[], Found, string]>([
    ["an acknowledged write is there", [write(5, 0, 10)], at(5), "fine"],
    ["an acknowledged write is missing", [write(5, 0, 10)], nothing, "missing"],
    ["an older version than the last acknowledged", [write(5, 0, 10), write(6, 20, 30)], at(5), "older"],
    ["a newer version that nobody told of", [write(5, 0, 10)], at(7), "fine"],
    ["an older version that nobody told of", [write(5, 0, 10)], at(3), "older"],
    ["nothing was acknowledged: nothing there", [write(5, 0, 10, false)], nothing, "fine"],
    ["nothing was acknowledged: it is there all the same", [write(5, 0, 10, false)], at(5), "fine"],
    ["a later write of unknown outcome came to pass", [write(5, 0, 10), write(6, 20, 30, false)], at(6), "fine"],
    ["a later write of unknown outcome did not", [write(5, 0, 10), write(6, 20, 30, false)], at(5), "fine"],
    ["an earlier write of unknown outcome has undone it", [write(5, 0, 10, false), write(6, 20, 30)], at(5), "older"],
    ["side by side: the newer", [write(5, 0, 20), write(6, 10, 30)], at(6), "fine"],
    ["side by side: the older, which may have come last", [write(5, 0, 20), write(6, 10, 30)], at(5), "fine"],
    ["one after the other, though the clock went back: the later", [write(6, 0, 10), write(5, 20, 30)], at(5), "fine"],
    ["the end of one is the beginning of the other", [write(5, 0, 10), write(6, 10, 20)], at(5), "older"],
    ["deleted and gone", [write(5, 0, 10), remove(6, 20, 30)], nothing, "fine"],
    ["deleted and there", [write(5, 0, 10), remove(6, 20, 30)], at(5), "undeleted"],
    ["deleted, and there without a version", [write(5, 0, 10), remove(6, 20, 30)], at(undefined), "undeleted"],
    ["a deletion of unknown outcome: there", [write(5, 0, 10), remove(6, 20, 30, false)], at(5), "fine"],
    ["a deletion of unknown outcome: gone", [write(5, 0, 10), remove(6, 20, 30, false)], nothing, "fine"],
    ["deleted and written again", [write(5, 0, 10), remove(6, 20, 30), write(7, 40, 50)], at(7), "fine"],
    ["deleted and written again: gone", [write(5, 0, 10), remove(6, 20, 30), write(7, 40, 50)], nothing, "missing"],
    ["deleted and written side by side: gone", [write(5, 0, 10), remove(6, 20, 40), write(7, 30, 50)], nothing, "fine"],
    ["a later write without a known version may be it", [write(5, 0, 10), write(undefined, 20, 30, false)], at(4), "fine"],
    [
      "a write without a known version is no excuse for an older known one",
      [write(4, 0, 5), write(5, 6, 10), write(undefined, 20, 30, false)],
      at(4),
      "older",
    ],
    ["a point without a version says nothing of its age", [write(5, 0, 10)], at(undefined), "fine"],
  ])("%s", (_, operations, found, finding) => {
    expect(findingOf(new KeyHistory(operations).atTheEnd, found)).toBe(finding);
  });
});

describe("stale reads", () => {
  test.each<[string, Made[], ReturnType<typeof staleReads>[number]["finding"][]]>([
    ["after the acknowledgement: it is there", [write(5, 0, 10), read(5, 10, 12)], []],
    ["after the acknowledgement: nothing", [write(5, 0, 10), read("nothing", 10, 12)], ["missing"]],
    ["began just before the acknowledgement: nothing", [write(5, 0, 10), read("nothing", 9, 12)], []],
    ["older than acknowledged", [write(5, 0, 10), write(6, 20, 30), read(5, 30, 32)], ["older"]],
    ["while the newer is under way: the older", [write(5, 0, 10), write(6, 20, 30), read(5, 29, 32)], []],
    ["while the newer is under way: the newer", [write(5, 0, 10), write(6, 20, 30), read(6, 21, 22)], []],
    ["while the newer is under way: nothing", [write(5, 0, 10), write(6, 20, 30), read("nothing", 21, 22)], ["missing"]],
    ["after an unknown outcome: nothing", [write(5, 0, 10, false), read("nothing", 20, 22)], []],
    ["after an unknown outcome: the one before", [write(5, 0, 10), write(6, 20, 30, false), read(5, 40, 41)], []],
    ["deleted, and there", [write(5, 0, 10), remove(6, 20, 30), read(5, 31, 32)], ["undeleted"]],
    ["deleted, and gone", [write(5, 0, 10), remove(6, 20, 30), read("nothing", 31, 32)], []],
    ["a version from before the run", [write(5, 0, 10), read(2, 11, 12)], ["older"]],
    ["a version from before the run, before the write", [write(5, 20, 30), read(2, 11, 12)], []],
    ["a hit of a search with an old version", [write(5, 0, 10), write(6, 20, 30), read(5, 40, 41, "hit")], ["older"]],
    ["a search that did not find it", [write(5, 0, 10), read("nothing", 40, 41, "hit")], []],
    ["a hit without a version", [write(5, 0, 10), write(6, 20, 30), read("no version", 40, 41, "hit")], []],
    [
      "a deleted point as a hit without a version",
      [write(5, 0, 10), remove(6, 20, 30), read("no version", 40, 41, "hit")],
      ["undeleted"],
    ],
    [
      "each read for itself",
      [write(5, 0, 10), read("nothing", 20, 21), read(5, 22, 23), read("nothing", 24, 25)],
      ["missing", "missing"],
    ],
  ])("%s", (_, operations, findings) => {
    const found = staleReads(operations, new KeyHistory(operations));
    expect(found.map(({ finding }) => finding)).toEqual(findings);
  });

  test("says what was found, what had to be, and how long after", () => {
    const operations = [write(5, 0, 10_000), write(6, 20_000, 30_000), read(5, 42_500, 43_000)];
    expect(staleReads(operations, new KeyHistory(operations))).toEqual([
      { how: "fetch", finding: "older", found: 5, expected: 6, afterMs: 12.5 },
    ]);
  });

  test("many operations of one key cost what they are, not their square", () => {
    const count = 20_000;
    const operations = Array.from({ length: count }, (_, i) => [
      write(i + 1, i * 100, i * 100 + 10),
      read(i === 7_000 ? 1 : i + 1, i * 100 + 20, i * 100 + 30),
    ]).flat();
    const history = new KeyHistory(operations);
    const found = staleReads(operations, history);
    expect(found).toEqual([{ how: "fetch", finding: "older", found: 1, expected: 7_001, afterMs: 0.01 }]);
    // Looked at one by one, each against all others, this would be 400 million steps; a few a read are allowed.
    let steps = 0;
    const counted = operations.map((operation) =>
      Object.defineProperty({ ...operation }, "startUs", { get: () => (steps++, operation.startUs) }),
    );
    staleReads(counted, new KeyHistory(counted));
    expect(steps).toBeLessThan(20 * 2 * count);
  });
});

test("lines of a history are read as they were written", () => {
  for (const operation of [
    write(2 ** 52, 1.5, 2.5),
    write(undefined, 0, 1, false),
    remove(3, 0, 1),
    read("nothing", 0, 1),
    read(3, 1, 2, "hit"),
  ])
    for (const key of ["a", 'quote " and \n break', "ключ"]) {
      const line = encodeOperation(key, operation);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(decodeOperation(line.trimEnd())).toEqual({ key, operation });
    }
});
