import { expect, test } from "vitest";
import {
  addRelease,
  beginSwitch,
  committed,
  decide,
  dropRelease,
  markReady,
  newAliasRecord,
  prepared,
  prunable,
  releaseBefore,
  undo,
  type AliasChange,
  type AliasRecord,
} from "../../../src/sharding/alias-record.ts";

function taken(change: AliasChange): AliasRecord {
  if (typeof change === "string" || "refused" in change) throw new Error(JSON.stringify(change));
  return change.record;
}

const built = (record: AliasRecord, id: string) => {
  const added = addRelease(record, { id, collection: `docs-${id}`, createdAtMs: Number(id), state: "building" });
  return taken(markReady(taken(added), id, 10));
};
const begun = (record: AliasRecord, id: string, kind: "release" | "rollback" = "release") =>
  taken(beginSwitch(record, { id: `s${id}`, kind, to: `docs-${id}`, nodes: ["a", "b"], replaces: false }));
const switched = (record: AliasRecord, id: string, kind: "release" | "rollback" = "release") => {
  let now = begun(record, id, kind);
  for (const node of ["a", "b"]) now = taken(prepared(now, `s${id}`, node));
  now = taken(decide(now, `s${id}`, record.version));
  for (const node of ["a", "b"]) now = taken(committed(now, `s${id}`, node));
  return now;
};

test("nothing is decided before every node has prepared, and nothing undone after it is decided", () => {
  let record = begun(built(newAliasRecord("docs"), "1"), "1");
  expect(decide(record, "s1", 0)).toEqual({ refused: "a, b did not prepare" });
  record = taken(prepared(record, "s1", "a"));
  expect(decide(record, "s1", 0)).toEqual({ refused: "b did not prepare" });
  record = taken(prepared(record, "s1", "b"));
  expect(taken(undo(record, "s1"))).toMatchObject({ collection: null });
  record = taken(decide(record, "s1", 0));
  expect(record).toMatchObject({ collection: "docs-1", switch: { phase: "committing", done: [] } });
  expect(undo(record, "s1")).toHaveProperty("refused");
  expect(decide(taken(undo(begun(built(newAliasRecord("docs"), "1"), "1"), "s1")), "s1", 0)).toHaveProperty("refused");
});

test("a release that is not verified, is not there, or serves already, is not switched to; nor two at once", () => {
  const raw = taken(addRelease(newAliasRecord("docs"), { id: "1", collection: "docs-1", createdAtMs: 0, state: "building" }));
  const ask = (record: AliasRecord, to: string) =>
    beginSwitch(record, { id: "s", kind: "release", to, nodes: ["a"], replaces: false });
  expect(ask(raw, "docs-1")).toEqual({ refused: "release 1 is not verified" });
  expect(ask(raw, "docs-7")).toEqual({ refused: "docs-7 is no release of docs" });
  const serving = switched(built(newAliasRecord("docs"), "1"), "1");
  expect(ask(serving, "docs-1")).toEqual({ refused: "docs stands for docs-1 already" });
  expect(ask(begun(built(serving, "2"), "2"), "docs-2")).toHaveProperty("refused");
});

test("versions only grow, one a change", () => {
  const record = built(newAliasRecord("docs"), "1");
  expect(record.version).toBe(2);
  // Begin, two prepared, decide, two committed.
  expect(switched(record, "1").version).toBe(8);
});

test("rollback leads to what served before; going back twice goes further back", () => {
  let record = newAliasRecord("docs");
  for (const id of ["1", "2", "3"]) record = switched(built(record, id), id);
  expect(releaseBefore(record)?.id).toBe("2");
  record = switched(record, "2", "rollback");
  expect(releaseBefore(record)?.id).toBe("1");
  record = switched(record, "1", "rollback");
  expect(releaseBefore(record)).toBeUndefined();
});

test("--keep counts releases beside the one that serves; what never served goes", () => {
  let record = newAliasRecord("docs");
  for (const id of ["1", "2", "3"]) record = switched(built(record, id), id);
  record = built(record, "4");
  const ids = (keep: number) =>
    prunable(record, keep)
      .map(({ id }) => id)
      .toSorted();
  expect(ids(0)).toEqual(["1", "2", "4"]);
  expect(ids(1)).toEqual(["1", "4"]);
  expect(ids(2)).toEqual(["4"]);
  expect(dropRelease(record, "3")).toEqual({ refused: "docs stands for release 3" });
  expect(taken(dropRelease(record, "1")).releases.map(({ id }) => id)).toEqual(["4", "3", "2"]);
});
