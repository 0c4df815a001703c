import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { WriteHistory } from "../../../../src/experiments/checker/history.ts";
import type { KeyOperation } from "../../../../src/experiments/checker/operation.ts";
import type { ObservedOperation } from "../../../../src/load/observe.ts";
import { loadHashes } from "../../../../src/sharding/hash.ts";
import { tempDir } from "../../../helpers/temp-dir.ts";

beforeAll(loadHashes);

const operation = (fields: Partial<ObservedOperation> & Pick<ObservedOperation, "op" | "keys">): ObservedOperation => ({
  scenario: "s",
  startUs: 0,
  endUs: 1,
  outcome: "ok",
  ...fields,
});

async function all(history: WriteHistory): Promise<Map<string, KeyOperation[]>> {
  history.end();
  const found = new Map<string, KeyOperation[]>();
  for await (const part of history.parts()) for (const [key, operations] of part) found.set(key, operations);
  return found;
}

test("writes with their outcomes, reads of written keys alone, whoever is told first", async () => {
  const history = new WriteHistory(join(tempDir(), "one"));
  const second = 1e6;
  history.observe([
    // A reader's worker may be faster than the writer's with its report.
    operation({ op: "fetch", keys: ["a", "x"], startUs: 5, endUs: 6, hits: [{ key: "a", version: 3 }] }),
    operation({ op: "upsert", keys: ["a", "b"], version: 3, startUs: 0, endUs: 4 }),
    operation({ op: "upsert", keys: ["c", "d"], version: 4, outcome: "write-failed", acknowledged: ["d"] }),
    operation({ op: "upsert", keys: ["e"], outcome: "timeout" }),
    operation({ op: "delete", keys: ["b"], version: 5, startUs: 7, endUs: 8 }),
    operation({ op: "search", keys: [], startUs: 9, endUs: 10, hits: [{ key: "a", version: 3, score: 1 }, { key: "y" }] }),
    operation({ op: "fetch", keys: ["b"], startUs: 9, endUs: 9 * second, hits: [] }),
    operation({ op: "fetch", keys: ["a"], startUs: 9, endUs: 10, outcome: "cluster-unreachable" }),
  ]);
  expect(history.counts).toEqual({ acknowledged: 4, unknown: 2, reads: 2 });
  const found = await all(history);
  expect([...found.keys()].toSorted()).toEqual(["a", "b", "c", "d", "e"]);
  expect(found.get("a")).toEqual([
    { kind: "write", version: 3, startUs: 0, endUs: 4, sure: true },
    { kind: "read", version: 3, startUs: 5, endUs: 6, sure: true },
    { kind: "hit", version: 3, startUs: 9, endUs: 10, sure: true },
  ]);
  expect(found.get("b")).toEqual([
    { kind: "write", version: 3, startUs: 0, endUs: 4, sure: true },
    { kind: "delete", version: 5, startUs: 7, endUs: 8, sure: true },
    { kind: "read", version: undefined, startUs: 9, endUs: 9 * second, sure: false },
  ]);
  expect([found.get("c")![0]!.sure, found.get("d")![0]!.sure, found.get("e")![0]!.sure]).toEqual([false, true, false]);
});

test("memory does not hold it: what is beyond a buffer is in files, and goes with them", async () => {
  const dir = join(tempDir(), "two");
  const history = new WriteHistory(dir);
  const count = 200_000;
  for (let from = 0; from < count; from += 1000)
    history.observe(
      Array.from({ length: 1000 }, (_, i) => operation({ op: "upsert", keys: [`key ${from + i}`], version: from + i })),
    );
  expect(readdirSync(dir).length).toBeGreaterThan(100);
  history.end();
  let keys = 0;
  let largest = 0;
  for await (const part of history.parts()) {
    keys += part.size;
    largest = Math.max(largest, part.size);
  }
  expect(keys).toBe(count);
  expect(largest).toBeLessThan(count / 64);
  history.remove();
  expect(() => readdirSync(dir)).toThrow();
});
