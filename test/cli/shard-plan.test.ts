import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Plan } from "../../src/sharding/plan/contract.ts";
import { createPlacement, loadHashes } from "../../src/sharding/index.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const base = ["shard", "plan", "--nodes", "a,b,c", "--points", "1000000"];
const plan = (...args: string[]) => runCli([...base, ...args], { cwd: tempDir() });

describe("shard plan, offline", () => {
  test("of one more node: fractions, moves and predicted loads agree with each other and with routing ids", async () => {
    const run = await plan("--add", "d", "--json");
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toBe("");
    const document = run.json();
    expect(schemaProblems("shard plan", document)).toEqual([]);
    const { result } = document;
    expect(result).toMatchObject({ offline: true, changes: true, added: ["d"], removed: [], file: null, part: 1 });
    expect(result.moves.map(({ to, kind }: { to: string; kind: string }) => [to, kind])).toEqual([
      ["d", "move"],
      ["d", "move"],
      ["d", "move"],
    ]);
    expect(result.moves.reduce((sum: number, { points }: { points: number }) => sum + points, 0)).toBe(result.points);
    expect(result.after.nodes.at(-1)).toMatchObject({ id: "d", share: result.movedFraction });
    expect(result.bytes).toBeCloseTo(result.points * 2048, -4);

    await loadHashes();
    const ring = { kind: "ring", hash: "xxh32", virtualNodes: 150 } as const;
    const [before, after] = [3, 4].map((count) =>
      createPlacement({ partitioner: ring, members: ["a", "b", "c", "d"].slice(0, count).map((id) => ({ id })), replicas: 1 }),
    );
    const ids = 100_000;
    let moved = 0;
    for (let i = 0; i < ids; i++) if (before!.ownersOfKey(`doc_${i}`)[0] !== after!.ownersOfKey(`doc_${i}`)[0]) moved++;
    const error = Math.sqrt((result.movedFraction * (1 - result.movedFraction)) / ids);
    expect(Math.abs(moved / ids - result.movedFraction)).toBeLessThan(5 * error);
  });

  test("for people: a picture within 80 columns, the price, what is at risk", async () => {
    const { stdout, exitCode } = await plan("--add", "d", "--replicas", "2", "--zone", "a=z1,b=z2,c=z1,d=z2");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^takes in d, moves \d+\.\d % of all copies\n/);
    expect(stdout).toMatch(/^a +█.* % {2}█.* % +[\d,]+ +[\d.]+ MiB$/m);
    expect(stdout).toMatch(/largest ÷ mean 1\.\d\d → 1\.\d\d \(balanced: at most 1\.25\)/);
    expect(stdout).toContain("about ");
    expect(stdout).toContain("2 KiB a point is assumed");
    for (const line of stdout.split("\n")) if (!line.startsWith("offline ·")) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test("-o and --markdown write the plan and a report; --detailed-exitcode says 10 where there is something to do", async () => {
    const cwd = tempDir();
    const run = await runCli(
      [...base, "--remove", "c", "-o", "plan.json", "--markdown", "plan.md", "--detailed-exitcode", "--json"],
      {
        cwd,
      },
    );
    expect(run.exitCode).toBe(10);
    const { result, ok } = run.json();
    expect(ok).toBe(true);
    expect(result.file).toBe("plan.json");
    const document = JSON.parse(readFileSync(join(cwd, "plan.json"), "utf8")) as Plan;
    expect(document).toMatchObject({ schemaVersion: 1, kind: "shard", planId: result.planId, offline: true });
    expect(document.fingerprint.digest).toBe(result.fingerprint);
    expect(document.steps.at(-1)).toMatchObject({ kind: "settle", layout: { members: ["a", "b"] } });
    expect(
      document.steps
        .filter((step) => step.kind === "copy")
        .map(({ from, to }) => `${from} ${to}`)
        .toSorted(),
    ).toEqual(["c a", "c b"]);
    const markdown = readFileSync(join(cwd, "plan.md"), "utf8");
    expect(markdown).toContain(`# Shard plan ${result.planId}`);
    expect(markdown).toContain("| c | a |");

    const nothing = await plan("--detailed-exitcode");
    expect(nothing.exitCode).toBe(0);
    expect(nothing.stdout).toMatch(/^balanced: largest ÷ mean is 1\.\d\d, and at most 1\.25 is good; nothing to do/);
  });

  test("plan ids sort by time", async () => {
    const { planId } = (await plan("--json")).json().result;
    expect(planId).toMatch(/^plan-\d{8}-\d{6}-[0-9a-z]{4}$/);
  });

  test("not balanced: it says so and what would help; --balance brings it within the limit", async () => {
    const args = ["--vnodes", "3", "--limit", "1.1"];
    const before = await plan(...args);
    expect(before.stdout).toMatch(/^not balanced: largest ÷ mean is/);
    expect(before.stderr).toContain(
      "next: ragctl shard plan --nodes a,b,c --points 1000000 --vnodes 3 --limit 1.1 --balance points",
    );
    const { result } = (await plan("--vnodes", "40", "--limit", "1.03", "--balance", "points", "--json")).json();
    expect(result.balanced).toEqual({ before: false, after: true, limit: 1.03 });
    expect(Object.keys(result.weights).length).toBeGreaterThan(0);
    expect(result.movedFraction).toBeGreaterThan(0);
  });

  test("--max-bytes: a part of the way, and how to go on", async () => {
    const { result } = (await plan("--add", "d", "--max-bytes", "100MB", "--json")).json();
    expect(result.bytes).toBeLessThanOrEqual(100e6);
    expect(result.bytes).toBeGreaterThan(50e6);
    expect(result.part).toBeLessThan(1);
    expect(result.notes.join()).toContain("ragctl shard plan --weight d=1");
    const none = await plan("--add", "d", "--max-bytes", "1");
    expect(none.stdout).toMatch(/^nothing of it fits into --max-moves and --max-bytes\n/);
  });

  test("--load-bound keeps every node below 1 + ε, and --capacity refuses what is too full", async () => {
    const { result } = (await plan("--load-bound", "0.05", "--json")).json();
    expect(result.after.maxOverMean).toBeLessThanOrEqual(1.05 + 1e-6);
    expect(result.placement).toContain("load bounded to 1.05 × the mean");
    const full = await plan("--remove", "a", "--capacity", "b=points:400k", "--json");
    expect(full.exitCode).toBe(7);
    expect(full.json().error).toMatchObject({ code: "over-capacity" });
    expect(schemaProblems("shard plan", full.json())).toEqual([]);
  });

  test("heat from a log of ids", async () => {
    const cwd = tempDir({ "log.txt": Array.from({ length: 3000 }, (_, i) => `doc_${i % 7}`).join("\n") });
    const args = [...base, "--queries", "log.txt", "--query-rate", "600/s", "--json"];
    const { result } = (await runCli(args, { cwd })).json();
    const rates = result.before.nodes.map(({ queriesPerSec }: { queriesPerSec: number }) => queriesPerSec);
    expect(rates.reduce((a: number, b: number) => a + b)).toBeCloseTo(600, 6);
    const bad = await runCli([...base, "--queries", "none.txt"], { cwd });
    expect(bad).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("none.txt: cannot be read") });
  });

  test.each([
    [["--nodes", "a,b", "--json"], ["--points is required"]],
    [["--nodes", "a,a", "--points", "5"], ["A node is named twice"]],
    [["--nodes", "a", "--points", "5", "--replicas", "2"], ["2 replicas need as many nodes; there would be 1"]],
    [
      ["--nodes", "a,b", "--points", "5", "--remove", "x", "--add", "a"],
      ["x is not a member: a, b", "a is a member already"],
    ],
    [
      ["--nodes", "a", "--points", "many", "--max-rate", "high", "--limit", "1"],
      ["number of points", "such as 500/s or 10MiB/s", "above 1"],
    ],
    [["--nodes", "a", "--points", "5", "--capacity", "a=volume:3"], ["expected NODE=points:N"]],
    [["--nodes", "a", "--points", "5", "--weight", "a=0", "--zone", "b"], ["above zero"]],
    [
      ["--points", "5", "--hash", "md5-32"],
      ["--points: goes with --nodes", "--hash: goes with --nodes"],
    ],
  ])("%j is refused with every reason", async (args, reasons) => {
    const run = await runCli(["shard", "plan", ...args], { cwd: tempDir() });
    expect(run.exitCode).toBe(2);
    const text = run.stdout + run.stderr;
    for (const reason of reasons) expect(text.replaceAll("--points: is", "--points is")).toContain(reason);
  });

  test("md5-128 plans offline", async () => {
    const { result } = (await plan("--hash", "md5-128", "--add", "d", "--json")).json();
    expect(result.movedFraction).toBeGreaterThan(0.15);
    expect(result.movedFraction).toBeLessThan(0.35);
  });
});
