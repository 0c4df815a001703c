import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { seededRng } from "../../src/runtime.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { driftingTrace, zipf } from "../helpers/traces.ts";

const trace = driftingTrace({ references: 20_000, keys: 2000, alpha: 0.9, phase: 5000 }, seededRng(9));
const lines = `${Array.from(trace, (key) => `key:${key}`).join("\n")}\n`;
const csv = `key,size,timestamp\n${Array.from(trace, (key, at) => `key:${key},${100 + ((key * 7919) % 900)},${1_700_000_000 + at / 10}`).join("\n")}\n`;

/** Runs `ragctl cache size` in a directory with these files. */
async function size(args: string[], files: Record<string, string> = { "keys.txt": lines, "keys.csv": csv }) {
  const cwd = tempDir(files);
  const run = await runCli(["cache", "size", ...args], { cwd });
  return { ...run, cwd };
}

test("the answer, a plot, a table and what to know, in eighty columns", async () => {
  const { exitCode, stdout } = await size(["--trace", "keys.txt", "--target-hit", "70%", "--price", "8.5"]);
  expect(exitCode).toBe(0);
  expect(stdout.split("\n").every((line) => line.length <= 80)).toBe(true);
  expect(stdout).toMatchInlineSnapshot(`
    "70.0 % hits needs 2.29 MiB (585 entries, 0.02 a month); doubling it buys 13.9
    points at 0.00 each
    knee of the curve: 1.61 MiB (413 entries), 63.1 % hits
    20,000 references to 1,897 keys · lru · exact

     100 %
                                                                             ▁▂▄▅▇██
                                                                         ▂▄▆▇███████
    70.0 % ·························································▂▃▅▇████████████
                                                              ▁▂▄▅▇█████████████████
    50.0 %                                               ▂▃▄▆▇██████████████████████
                                                  ▁▂▃▄▆▇████████████████████████████
                                           ▁▂▃▄▆▇███████████████████████████████████
                                  ▁▂▃▄▄▅▆▇██████████████████████████████████████████
           ▁▁▁▁▂▂▂▂▂▃▃▃▃▄▄▄▅▅▆▇▇████████████████████████████████████████████████████
           4.00 KiB                         174 KiB                         7.41 MiB
           hits over size (log scale)

      hits  entries     bytes  a month  doubling buys  a point more costs
    10.5 %       10  40.0 KiB     0.00     6.9 points                0.00
    20.0 %       25   100 KiB     0.00     8.7 points                0.00
    30.1 %       55   220 KiB     0.00    10.1 points                0.00
    40.0 %      109   436 KiB     0.00    11.4 points                0.00
    50.0 %      201   804 KiB     0.01    12.6 points                0.00
    60.0 %      348  1.36 MiB     0.01    13.7 points                0.00
    70.0 %      585  2.29 MiB     0.02    13.9 points                0.00
    80.0 %      945  3.69 MiB     0.03    10.5 points                0.00
    90.0 %    1,749  6.83 MiB     0.06     0.5 points                0.11

    9.49 % of the references are the first to their key: no cache answers those, and
    they count as misses. A longer log has a smaller share of them.
    Nothing tells how large an entry is: 4,096 bytes are assumed. Give
    --entry-bytes.
    "
  `);
});

test("the document: fits its schema, and its curve is the trace's", async () => {
  const { json } = await size(["--trace", "keys.txt", "--sizes", "100,1000,5_000,400KiB", "--entry-bytes", "4KiB", "--json"]);
  const document = json();
  expect(schemaProblems("cache-size", document)).toEqual([]);
  const { result } = document;
  expect(result).toMatchObject({
    references: 20_000,
    distinct: new Set(trace).size,
    method: "exact",
    sampling: null,
    axis: "entries",
  });
  expect(result.curve.map(({ entries }: { entries: number }) => entries)).toEqual([100, 100, 1000, 5000]);
  expect(result.curve.map(({ bytes }: { bytes: number }) => bytes)).toEqual([409_600, 409_600, 4_096_000, 20_480_000]);
  expect(result.curve[0].missRatio).toBe(result.curve[1].missRatio);
  expect(result.curve[3].missRatio).toBe(result.coldMissRatio);
  expect(result.recommendation.doublingGain).toBeLessThan(0.01);
});

test("sizes of a trace: the curve is in bytes, each with what the cache adds", async () => {
  const { json } = await size(["--trace", "keys.csv", "--overhead", "0", "--target-hit", "0.5", "--json"]);
  const { result } = json();
  const sizes = new Map(Array.from(trace, (key) => [key, 100 + ((key * 7919) % 900)]));
  const total = [...sizes.values()].reduce((sum, each) => sum + each, 0);
  expect(result.axis).toBe("bytes");
  expect(result.entryBytes).toMatchObject({ mean: total / sizes.size, source: "trace", overhead: 0 });
  expect(result.curve.at(-1)).toMatchObject({ entries: sizes.size, bytes: total, missRatio: result.coldMissRatio });
  const { hitRatio, bytes, entries } = result.target.size;
  expect(hitRatio).toBeGreaterThanOrEqual(0.5);
  expect(hitRatio).toBeLessThan(0.505);
  expect(bytes / entries).toBeGreaterThan(400);
  expect(bytes / entries).toBeLessThan(700);
  const { json: added } = await size(["--trace", "keys.csv", "--overhead", "200", "--json"]);
  expect(added().result.curve.at(-1).bytes).toBe(total + 200 * sizes.size);
});

test.each([
  [["--policy", "lfu"], { policy: "lfu", ttlMs: null }],
  [["--policy", "lru+ttl", "--ttl", "5m"], { policy: "lru", ttlMs: 300_000 }],
  [["--near", "100", "--near-ttl", "60s"], { near: { entries: 100, bytes: null, ttlMs: 60_000 } }],
])("%j", async (args, expected) => {
  const { json, exitCode } = await size(["--trace", "keys.csv", "--sizes", "64KiB,256KiB", ...args, "--json"]);
  expect(exitCode).toBe(0);
  const { result } = json();
  expect(schemaProblems("cache-size", json())).toEqual([]);
  expect(result).toMatchObject(expected);
  const [small, large] = result.curve;
  expect(large.missRatio).toBeLessThan(small.missRatio);
  if (result.near) expect(small.nearHitRatio + small.farHitRatio + small.missRatio).toBeCloseTo(1, 9);
});

test("a sample says so, with its error; the same seed gives the same answer", async () => {
  const draw = zipf(30_000, 0.9, seededRng(3));
  const many = Array.from({ length: 150_000 }, () => `key:${draw()}`).join("\n");
  const args = ["--trace", "keys.txt", "--method", "shards", "--rate", "5%"];
  const { stdout, cwd } = await size(args, { "keys.txt": many });
  expect(stdout).toMatch(/5\.00 % of the keys sampled,\s+expected error ±\d\.\d+ points/);
  const again = await runCli(["cache", "size", ...args, "--json"], { cwd });
  const other = await runCli(["cache", "size", ...args, "--seed", "2", "--json"], { cwd });
  const { result } = again.json();
  expect(result).toMatchObject({ method: "shards", references: 150_000, sampling: { rate: expect.closeTo(0.05, 6), seed: 1 } });
  expect(result.expectedError.mean).toBeGreaterThan(0.0005);
  expect((await runCli(["cache", "size", ...args, "--json"], { cwd })).json().result).toEqual(result);
  expect(other.json().result.distinct).not.toBe(result.distinct);
  const exact = (await runCli(["cache", "size", "--trace", "keys.txt", "--json"], { cwd })).json().result;
  expect(Math.abs(exact.distinct / result.distinct - 1)).toBeLessThan(0.15);
});

test("a target that no cache reaches is said, not invented", async () => {
  const { stdout, json } = await size(["--trace", "keys.txt", "--target-hit", "99%"]);
  expect(stdout).toContain("no size reaches 99.0 % hits");
  expect(() => json()).toThrow();
});

test("stdin, gzip and a log of queries", async () => {
  const cwd = tempDir({ "log.jsonl": Array.from(trace, (key) => JSON.stringify({ query: `what is  ${key}?` })).join("\n") });
  writeFileSync(join(cwd, "keys.gz"), gzipSync(lines));
  const from = async (args: string[], stdin?: string) =>
    (await runCli(["cache", "size", ...args, "--json"], { cwd, ...(stdin !== undefined && { stdin }) })).json().result;
  const [a, b, c] = [await from(["--trace", "keys.gz"]), await from(["--trace", "-"], lines), await from(["--log", "log.jsonl"])];
  expect(b.curve).toEqual(a.curve);
  expect(c.curve).toEqual(a.curve);
  expect(c.source.format).toBe("jsonl");
});

test("one page with everything in it", async () => {
  const { cwd, stderr, exitCode } = await size(["--trace", "keys.csv", "--near", "100", "--html", "page.html"]);
  expect(exitCode).toBe(0);
  expect(stderr).toContain("the page is in page.html");
  const html = readFileSync(join(cwd, "page.html"), "utf8");
  expect(html).toContain("<svg");
  expect(html).toContain("What round hit ratios take");
  expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
});

test("every wrong flag at once, before anything is read", async () => {
  const { exitCode, stderr } = await size([
    "--sizes",
    "-5,1.5,0",
    "--policy",
    "lru+ttl",
    "--near-ttl",
    "1m",
    "--method",
    "exact",
    "--rate",
    "1%",
  ]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatchInlineSnapshot(`
    "error: 7 problems:
      --sizes: expected a size of at least one entry, got "-5"
      --sizes: expected a size of at least one entry, got "1.5"
      --sizes: expected a size of at least one entry, got "0"
      --log: give a query log, or a trace of cache keys with --trace
      --ttl: must be given with --policy lru+ttl
      --near-ttl: goes with --near
      --rate: goes with --method shards: exact looks at every key
    hint: ragctl cache size --help
    "
  `);
});

test.each([
  ["no trace at all", ["--trace", "none.txt"], "there is no such file"],
  ["a TTL without times", ["--trace", "keys.txt", "--ttl", "1m"], "has no times"],
  ["a negative size", ["--trace", "bad.csv"], "bad.csv:3: the size is negative: -4"],
])("%s: exit 2, a sentence, no page", async (_, args, said) => {
  const files = { "keys.txt": lines, "bad.csv": "key,size\na,1\nb,-4\n" };
  const { exitCode, stderr, stdout, cwd } = await size([...args, "--html", "page.html"], files);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(said);
  expect(stdout).toBe("");
  expect(existsSync(join(cwd, "page.html"))).toBe(false);
});

test("a trace in which nothing comes twice: no size is worth it; a sample that holds nothing is refused", async () => {
  const files = { "cold.txt": Array.from({ length: 300 }, (_, i) => `k${i}`).join("\n"), "one.txt": "a\n" };
  const cold = await size(["--trace", "cold.txt"], files);
  expect(cold.stdout).toMatch(/no size is worth it:\s+100 % of the\s+references\s+are the first/);
  const one = await size(["--trace", "one.txt", "--rate", "0.01%"], files);
  expect(one.exitCode).toBe(2);
  expect(one.stderr).toContain("none of the trace's keys is in a sample");
});
