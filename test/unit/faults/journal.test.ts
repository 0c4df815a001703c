import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listRecords, readRecord, recordIds, removeRecord, renewLease, writeRecord } from "../../../src/faults/journal.ts";
import { recordOf, temporaryDir } from "./helpers.ts";

test("a record comes back as it was written, with the time of its last renewal", () => {
  const dir = join(temporaryDir(), "faults");
  writeRecord(dir, recordOf(), 1_700_000_000_000);
  expect(readRecord(dir, "kill-node-x")).toEqual({ record: recordOf(), renewedAtMs: 1_700_000_000_000 });
  expect(renewLease(dir, "kill-node-x", 1_700_000_001_500)).toBe(true);
  expect(readRecord(dir, "kill-node-x")?.renewedAtMs).toBe(1_700_000_001_500);
  expect(readdirSync(dir)).toEqual(["kill-node-x.json"]);
});

test("a renewal does not bring back a record that somebody healed", () => {
  const dir = temporaryDir();
  writeRecord(dir, recordOf(), 1_700_000_000_000);
  removeRecord(dir, "kill-node-x");
  expect(renewLease(dir, "kill-node-x", 1_700_000_001_000)).toBe(false);
  expect(recordIds(dir)).toEqual([]);
  removeRecord(dir, "kill-node-x");
});

test("the list is in order of injection, says what it cannot read, and is empty where there is no directory", () => {
  const dir = temporaryDir();
  expect(listRecords(join(dir, "none"))).toEqual({ entries: [], broken: [] });
  writeRecord(dir, recordOf({ id: "later", createdAt: 2 }), 5);
  writeRecord(dir, recordOf({ id: "earlier", createdAt: 1 }), 5);
  writeFileSync(join(dir, "torn.json"), '{"schemaVersion":1,"id"');
  writeFileSync(join(dir, "future.json"), '{"schemaVersion":9}');
  writeFileSync(join(dir, "half.json"), '{"schemaVersion":1,"id":"half"}');
  writeFileSync(join(dir, "record.json.1234.tmp"), "a crash before the rename");
  const { entries, broken } = listRecords(dir);
  expect(entries.map(({ record }) => record.id)).toEqual(["earlier", "later"]);
  expect(broken.map(({ path }) => path).toSorted()).toEqual(["future", "half", "torn"].map((name) => join(dir, `${name}.json`)));
});

test("a directory in place of a record is said to be broken", () => {
  const dir = temporaryDir();
  mkdirSync(join(dir, "odd.json"));
  expect(listRecords(dir).broken).toHaveLength(1);
});
