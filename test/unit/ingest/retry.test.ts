import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openDeadLetters, type DeadRunFacts } from "../../../src/ingest/dead-letters.ts";
import type { Item } from "../../../src/ingest/contract.ts";
import { listInputs } from "../../../src/ingest/inputs/list.ts";
import { defaultReaderOptions } from "../../../src/ingest/readers/fields.ts";
import { docxBytes } from "../../helpers/documents.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { brief, readFile } from "./read.ts";

function facts(cwd: string): DeadRunFacts {
  const chunk = { by: "format", size: 1000, overlap: 100 } as const;
  return { run: "run-1", cluster: "local", collection: "docs", cwd, reader: defaultReaderOptions, chunk };
}

/** Reads files; what is dead goes to `dead.jsonl`. */
async function lose(cwd: string, ...paths: string[]): Promise<Item[]> {
  const letters = await openDeadLetters(join(cwd, "dead.jsonl"), facts(cwd));
  const { files } = await listInputs(paths, { cwd });
  const items = (await Promise.all(files.map((file) => readFile(file)))).flat();
  for (const item of items) if (item.kind === "dead") letters.write(item);
  letters.close();
  return items;
}

async function retry(cwd: string): Promise<Item[]> {
  const path = join(cwd, "dead.jsonl");
  return await readFile({ path, name: "dead.jsonl", bytes: 1, reader: "dead-letters" });
}

/** As somebody would in an editor. */
function edit(path: string, from: string, to: string): void {
  const before = readFileSync(path, "utf8");
  expect(before).toContain(from);
  writeFileSync(path, before.replace(from, to));
}

describe("dead letters taken again", () => {
  it("fail again with their reason and origin while nothing is mended", async () => {
    const cwd = tempDir({
      "a.jsonl": '{"id":1,"text":5}\n{oops\n{"id":3,"text":"x"}',
      "b.csv": 'id,text\na,"x\nb,y',
      "c.txt": "nul \0",
    });
    const before = await lose(cwd, "a.jsonl", "b.csv", "c.txt");
    const again = await retry(cwd);
    expect(brief(again)).toEqual(brief(before.filter(({ kind }) => kind === "dead")));
    expect(again).toHaveLength(4);
    expect(again[2]).toMatchObject({
      origin: { source: "b.csv", line: 2, offset: 8 },
      record: 'a,"x',
      columns: ["id", "text"],
    });
  });

  it("are taken from the letter, where somebody mended the record in it", async () => {
    const cwd = tempDir({ "a.jsonl": '{"id":1,"text":5}', "b.csv": 'id,text\na,"x\nb,y' });
    await lose(cwd, "a.jsonl", "b.csv");
    edit(join(cwd, "dead.jsonl"), String.raw`\"text\":5`, String.raw`\"text\":\"five\"`);
    edit(join(cwd, "dead.jsonl"), String.raw`a,\"x`, "a,5 inches");
    const items = await retry(cwd);
    expect(brief(items)).toEqual(["1: five", "a: 5 inches"]);
    expect(items[1]).toMatchObject({ origin: { source: "b.csv", line: 2 }, fields: { id: "a" } });
  });

  it("are read where they came from, where the letter has no record", async () => {
    const cwd = tempDir({ "d/a.docx": "no zip", "d/gone.txt": "\0" });
    await lose(cwd, "d");
    writeFileSync(join(cwd, "d/a.docx"), docxBytes(["mended"]));
    expect(brief(await retry(cwd))).toEqual(["d/a.docx: mended", "dead file: the file has a NUL character"]);
  });

  it("go on with the rest of a file from where it broke off", async () => {
    const lines = Array.from({ length: 30_000 }, (_, id) => `{"id":${id},"text":"number ${(id * 7919) % 30_011}"}\n`).join("");
    const cwd = tempDir();
    const packed = gzipSync(lines);
    writeFileSync(join(cwd, "a.jsonl.gz"), packed.subarray(0, packed.length >> 1));
    const before = await lose(cwd, "a.jsonl.gz");
    writeFileSync(join(cwd, "a.jsonl.gz"), packed);
    const again = await retry(cwd);
    const ids = [...before, ...again].flatMap((item) => (item.kind === "document" ? [item.id] : []));
    expect(ids).toEqual(Array.from({ length: 30_000 }, (_, id) => String(id)));
  });

  it("do not take the place of a document of the same id, until somebody gives them one of their own", async () => {
    const cwd = tempDir();
    const letters = await openDeadLetters(join(cwd, "dead.jsonl"), facts(cwd));
    const origin = { source: "a.jsonl", line: 2, offset: 20 };
    const reason = 'another document of this run has the id "a"';
    letters.write({ kind: "dead", origin, stage: "read", reason, id: "a", record: '{"id":"a","text":"second"}' });
    letters.close();
    expect(brief(await retry(cwd))).toEqual([`dead 2: ${reason}`]);
    edit(join(cwd, "dead.jsonl"), String.raw`{\"id\":\"a\"`, String.raw`{\"id\":\"b\"`);
    expect(brief(await retry(cwd))).toEqual(["b: second"]);
  });

  it("keep an id that was made from the record as it was written", async () => {
    const cwd = tempDir();
    const letters = await openDeadLetters(join(cwd, "dead.jsonl"), facts(cwd));
    const origin = { source: "a.jsonl", line: 1, offset: 0 };
    letters.write({ kind: "dead", origin, stage: "write", reason: "down", id: "sha256:abc", record: '{"text":"x"}' });
    letters.close();
    expect(await retry(cwd)).toMatchObject([{ kind: "document", id: "sha256:abc", idFromContent: true, place: {} }]);
  });

  it("say what can not be done", async () => {
    const cwd = tempDir({
      "dead.jsonl": [
        '{"schemaVersion":1,"reason":"x","stage":"read","source":"-","line":3}',
        '{"schemaVersion":1,"reason":"x","stage":"read","source":"docs/a.md"}',
        `{"schemaVersion":1,"reason":"x","stage":"read","source":"/gone/a.md"}`,
        '{"text":"no letter"}',
        "{",
      ].join("\n"),
    });
    expect(brief(await retry(cwd))).toEqual([
      "dead 3: it came from standard input, which cannot be read again",
      "dead file: nothing says where docs/a.md is: the file lacks its first line, about the run",
      "dead file: the file could not be read: there is no such file or folder",
      "dead 4: no dead letter of ragctl ingest",
      "dead 5: no dead letter of ragctl ingest",
    ]);
  });
});

describe("a file of dead letters", () => {
  it("begins with its run, and exists only where there are any", async () => {
    const cwd = tempDir();
    const file = join(cwd, "dead.jsonl");
    const letters = await openDeadLetters(file, facts(cwd));
    expect(existsSync(file)).toBe(false);
    letters.write({ kind: "dead", origin: { source: "a", line: 3 }, stage: "read", reason: "why", record: "{" });
    letters.close();
    const [first, second, ...rest] = readFileSync(file, "utf8").split("\n");
    expect(JSON.parse(first!)).toEqual({
      schemaVersion: 1,
      kind: "run",
      run: "run-1",
      cluster: "local",
      collection: "docs",
      cwd,
      reader: defaultReaderOptions,
      chunk: { by: "format", size: 1000, overlap: 100 },
    });
    expect(second).toBe('{"schemaVersion":1,"reason":"why","stage":"read","source":"a","line":3,"record":"{"}');
    expect(rest).toEqual([""]);
  });
});
