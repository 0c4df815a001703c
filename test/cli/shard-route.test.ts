import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCli } from "../helpers/fake-runtime.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { tempDir } from "../helpers/temp-dir.ts";

interface Vectors {
  nodes: string[];
  virtualNodes: number;
  replicas: number;
  pairs: [key: string, owners: string[]][];
}

describe.each(["md5-32", "md5-128"])("shard route, %s", (hash) => {
  test("names, id for id, the owners of the Python ring", async () => {
    const vectors = JSON.parse(readFileSync(new URL(`../data/rings/${hash}.json`, import.meta.url), "utf8")) as Vectors;
    const argv = ["--nodes", vectors.nodes.join(","), "--vnodes", String(vectors.virtualNodes), "--hash", hash];
    const run = await runCli(["shard", "route", ...argv, "--replicas", String(vectors.replicas), "--ids-from", "-", "--json"], {
      cwd: tempDir(),
      stdin: vectors.pairs.map(([key]) => `${key}\n`).join(""),
    });
    expect(run.exitCode).toBe(0);
    const document = run.json();
    expect(schemaProblems("shard route", document)).toEqual([]);
    expect(document.result.routes).toEqual(vectors.pairs.map(([id, replicas]) => ({ id, primary: replicas[0], replicas })));
    expect(document.result.ids).toBe(1000);
  });
});

describe("shard route", () => {
  const ring = ["shard", "route", "--nodes", "a,b,c"];

  test("works with nothing but --nodes; ids from arguments and a file, line ends of both kinds, no other", async () => {
    const cwd = tempDir({ "ids.txt": "x y\r\n\nz\u2028w\nlast" });
    const { result } = (await runCli([...ring, "first", "--ids-from", "ids.txt", "--json"], { cwd })).json();
    expect(result.routes.map(({ id }: { id: string }) => id)).toEqual(["first", "x y", "z\u2028w", "last"]);
    expect(result.routes.every(({ primary, replicas }: { primary: string; replicas: string[] }) => replicas[0] === primary)).toBe(
      true,
    );
  });

  test("weights and zones count", async () => {
    const argv = [...ring, "--replicas", "2", "--zone", "a=x,b=x,c=y", "--weight", "c=3", "--ids-from", "-", "--json"];
    const stdin = Array.from({ length: 2000 }, (_, i) => `doc ${i}\n`).join("");
    const { result } = (await runCli(argv, { cwd: tempDir(), stdin })).json();
    expect(result.routes.every(({ replicas }: { replicas: string[] }) => replicas.includes("c"))).toBe(true);
    expect(result.primaries["c"] / 2000).toBeGreaterThan(0.5);
  });

  test("-o streams the routes to a file, and counts them", async () => {
    const cwd = tempDir();
    const stdin = Array.from({ length: 50_000 }, (_, i) => `doc_${i}\n`).join("");
    const run = await runCli([...ring, "--ids-from", "-", "-o", "routes.ndjson", "--json"], { cwd, stdin });
    const { result } = run.json();
    expect(result).toMatchObject({ routes: [], ids: 50_000, file: "routes.ndjson" });
    const lines = readFileSync(join(cwd, "routes.ndjson"), "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(50_000);
    const counted: Record<string, number> = {};
    for (const line of lines) {
      const { primary } = JSON.parse(line) as { primary: string };
      counted[primary] = (counted[primary] ?? 0) + 1;
    }
    expect(result.primaries).toEqual(counted);
    const nowhere = await runCli([...ring, "x", "-o", "no/such/dir"], { cwd });
    expect(nowhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("cannot be written") });
  });

  test("for people: a table of few, tabs of many", async () => {
    const few = await runCli([...ring, "--replicas", "2", "k1", "k2"], { cwd: tempDir() });
    expect(few.stdout).toMatch(/^id +primary +then\nk1 +[abc] +[abc]\nk2 /);
    const stdin = Array.from({ length: 300 }, (_, i) => `k${i}\n`).join("");
    const many = await runCli([...ring, "--ids-from", "-"], { cwd: tempDir(), stdin });
    expect(many.stdout.trimEnd().split("\n")).toHaveLength(300);
    expect(many.stdout).toMatch(/^k0\t[abc]\nk1\t/);
  });

  test.each([
    [["shard", "route"], "give ids, or --ids-from"],
    [["shard", "route", "x", "--hash", "md5-32"], "--hash: goes with --nodes"],
    [["shard", "route", "--nodes", "a", "--collection", "docs", "x"], "--nodes asks none"],
    [["shard", "route", "--nodes", "a", "--ids-from", "none"], "none: cannot be read"],
    [["shard", "route", "--nodes", "a", "--replicas", "2", "x"], "2 replicas need 2 nodes; there are 1."],
    [["shard", "route", "x"], "no cluster to speak to"],
  ])("%j is refused in a sentence", async (argv, reason) => {
    expect(await runCli(argv, { cwd: tempDir() })).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(reason) });
  });
});
