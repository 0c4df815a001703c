import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { displayName, listInputs } from "../../../src/ingest/inputs/list.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

const names = async (dir: string, ...paths: string[]) => (await listInputs(paths, { cwd: dir })).files.map(({ name }) => name);

describe("the files that paths mean", () => {
  it("are everything readable below a folder, sorted, without hidden ones", async () => {
    const dir = tempDir({
      "d/b.md": "b",
      "d/a.txt": "a",
      "d/.hidden.md": "x",
      "d/.git/c.md": "x",
      "d/e/z.jsonl": "{}",
      "d/e/pic.png": "x",
      "d/B.MD": "b",
    });
    const listing = await listInputs(["d"], { cwd: dir });
    expect(listing.files.map(({ name, reader }) => `${name} ${reader}`)).toEqual([
      "d/B.MD markdown",
      "d/a.txt text",
      "d/b.md markdown",
      "d/e/z.jsonl jsonl",
    ]);
    expect(listing).toMatchObject({ ignored: 1, totalBytes: 5, dead: [] });
  });

  it("are taken once, however they are reached; link circles end", async () => {
    const dir = tempDir({ "d/a.md": "a", "d/e/b.md": "b" });
    symlinkSync("..", join(dir, "d/e/up"));
    symlinkSync("a.md", join(dir, "d/link.md"));
    symlinkSync("self.md", join(dir, "d/self.md"));
    const listing = await listInputs(["d", "d/a.md", "d/e"], { cwd: dir });
    expect(listing.files.map(({ name }) => name)).toEqual(["d/a.md", "d/e/b.md"]);
    expect(listing.dead.map(({ origin, reason }) => `${origin.source}: ${reason}`)).toEqual([
      "d/self.md: its symbolic links lead in a circle",
    ]);
  });

  it("may be hidden, or inside node_modules, when named", async () => {
    const dir = tempDir({ ".notes/.x.md": "x", "node_modules/p/README.md": "x" });
    expect(await names(dir, ".notes/.x.md", "node_modules")).toEqual([".notes/.x.md", "node_modules/p/README.md"]);
  });

  it("are all said at once where they cannot be", async () => {
    const dir = tempDir({ "a.xls": "x", "empty/x.png": "x" });
    mkdirSync(join(dir, "locked"));
    writeFileSync(join(dir, "locked/a.md"), "a");
    await expect(listInputs(["gone.jsonl", "a.xls", "empty", "also-gone"], { cwd: dir })).rejects.toMatchObject({
      exitCode: 2,
      details: [
        { file: "gone.jsonl", message: "there is no such file or folder" },
        { file: "a.xls", message: expect.stringContaining("--format says what it is") },
        { file: "empty", message: expect.stringContaining("nothing to read in this folder") },
        { file: "also-gone", message: "there is no such file or folder" },
      ],
    });
  });

  it("may be forced to a format", async () => {
    const dir = tempDir({ "a.log": "x" });
    expect((await listInputs(["a.log"], { cwd: dir, format: "text" })).files).toMatchObject([{ name: "a.log", reader: "text" }]);
  });

  it.skipIf(process.getuid?.() === 0)("below a folder that may not be read are dead letters", async () => {
    const dir = tempDir({ "d/a.md": "a", "d/no/b.md": "b" });
    chmodSync(join(dir, "d/no"), 0);
    const listing = await listInputs(["d"], { cwd: dir });
    chmodSync(join(dir, "d/no"), 0o700);
    expect(listing.dead).toMatchObject([{ origin: { source: "d/no" }, reason: "reading it is not permitted" }]);
  });
});

it.each([
  ["/home/me/docs/a.md", "/home/me", "docs/a.md"],
  ["/home/me/docs/a.md", "/home/me/docs", "a.md"],
  ["/home/me/docs/a.md", "/home/me/other", "/home/me/docs/a.md"],
  ["/home/me/..hidden/a.md", "/home/me", "..hidden/a.md"],
])("%s seen from %s is %s", (path, cwd, shown) => {
  expect(displayName(path, cwd)).toBe(shown);
});
