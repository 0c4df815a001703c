import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stableJson } from "../../../src/ingest/chunk-document.ts";
import { openDeadLetters } from "../../../src/ingest/dead-letters.ts";
import { SeenIds } from "../../../src/ingest/seen-ids.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

it("stable JSON sorts names at every level and keeps lists", () => {
  expect(stableJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
});

it("seen ids are known again after any number of others", () => {
  const seen = new SeenIds();
  const ids = Array.from({ length: 20_000 }, (_, at) => `id-${at}`);
  expect(ids.every((id) => seen.add(id))).toBe(true);
  expect(ids.some((id) => seen.add(id))).toBe(false);
});

describe("dead letters", () => {
  it("are lines of JSON in a file that exists only where there are any", async () => {
    const file = join(tempDir(), "dead.jsonl");
    const letters = await openDeadLetters(file);
    expect(existsSync(file)).toBe(false);
    letters.write({ kind: "dead", origin: { source: "a", line: 3 }, stage: "read", reason: "why", record: "{" });
    letters.close();
    expect(readFileSync(file, "utf8")).toBe(
      '{"schemaVersion":1,"reason":"why","stage":"read","source":"a","line":3,"record":"{"}\n',
    );
  });

  it("never overwrite a file, and say where they cannot be written", async () => {
    const dir = tempDir({ "docs.jsonl": "precious" });
    await expect(openDeadLetters(join(dir, "docs.jsonl"))).rejects.toMatchObject({ exitCode: 2 });
    const letters = await openDeadLetters(join(dir, "no/such/folder"));
    expect(() => letters.write({ kind: "dead", origin: { source: "a" }, stage: "read", reason: "x" })).toThrow(
      "cannot be written",
    );
  });
});
