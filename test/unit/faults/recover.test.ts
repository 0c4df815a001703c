import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { journalDir, recordIds, writeRecord } from "../../../src/faults/journal.ts";
import { healLeftovers } from "../../../src/faults/leftovers.ts";
import { faultStatus, healRecords } from "../../../src/faults/recover.ts";
import { fakeRuntime, runCli } from "../../helpers/fake-runtime.ts";
import { deadOwner, recordOf, self, sleeper, targetOf, temporaryDir } from "./helpers.ts";

/** A fault whose target was never killed: every probe says "gone". */
const harmless = () => targetOf(sleeper().identity);
/** Dead, nobody listens, and nobody to start it: cannot be healed. */
const beyond = () => targetOf(deadOwner);

function machine() {
  const runtime = fakeRuntime({ cwd: temporaryDir() });
  const dir = journalDir(runtime.stateDir);
  const warnings: string[] = [];
  const put = (id: string, more: Parameters<typeof recordOf>[0], ageMs = 0) =>
    writeRecord(dir, recordOf({ id, act: id, fault: "kill-node", ...more }), runtime.clock.nowMs() - ageMs);
  return { runtime, dir, warnings, put, start: () => healLeftovers(runtime, (text) => warnings.push(text)) };
}

const owned = { owner: self, ttlMs: 5_000, hold: false };

test("records of dead owners and those whose lease has run out are healed at start; others are left alone", async () => {
  const { put, start, dir, warnings } = machine();
  put("owner-dead", { target: harmless(), lease: { ...owned, owner: deadOwner } });
  put("lapsed", { target: harmless(), lease: owned }, 6_000);
  put("owned", { target: harmless(), lease: owned });
  await start();
  expect(recordIds(dir)).toEqual(["owned"]);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toContain("healed kill-node on n2");
});

test("what shall last until asked stays, unless a probe says that it is gone", async () => {
  const { put, start, dir, warnings } = machine();
  const lease = { owner: deadOwner, ttlMs: 5_000, hold: true };
  put("still-dead", { target: beyond(), lease }, 60_000);
  put("back", { target: harmless(), lease }, 60_000);
  await start();
  expect(recordIds(dir)).toEqual(["still-dead"]);
  expect(warnings).toEqual([]);
});

test("a record that cannot be read, and one of a fault that this version does not know, are said and kept", async () => {
  const { put, start, dir, warnings } = machine();
  put("new-fault", { fault: "time-travel", lease: { ...owned, owner: deadOwner } });
  writeFileSync(join(dir, "torn.json"), "{");
  await start();
  expect(recordIds(dir).toSorted()).toEqual(["new-fault", "torn"]);
  expect(warnings.join("\n")).toMatch(/torn\.json is not a readable heal record/);
  expect(warnings.join("\n")).toMatch(/new-fault was left by another version/);
});

test("a start with nothing to heal costs less than a millisecond", async () => {
  const { runtime, start, dir } = machine();
  for (const prepare of [() => undefined, () => mkdirSync(dir, { recursive: true })]) {
    prepare();
    await start();
    const times: number[] = [];
    for (let run = 0; run < 50; run++) {
      const startUs = runtime.clock.monotonicUs();
      await start();
      times.push(runtime.clock.monotonicUs() - startUs);
    }
    expect(Math.min(...times)).toBeLessThan(1_000);
  }
});

test("status clears what is proven gone and unowned, and lists the rest with its lease", async () => {
  const { runtime, put, dir } = machine();
  put("gone", { target: harmless(), lease: { ...owned, owner: deadOwner } });
  put("dead", { target: beyond(), lease: { ...owned, hold: true } });
  put("mine", { target: harmless(), lease: owned });
  const { active } = await faultStatus(runtime);
  const seen = Object.fromEntries(active.map(({ id, probe, leaseEndsAt }) => [id, [probe, leaseEndsAt !== null]]));
  expect(seen).toEqual({ dead: ["active", false], mine: ["gone", true] });
  expect(recordIds(dir).toSorted()).toEqual(["dead", "mine"]);
});

test("heal takes records, or all records of an act", async () => {
  const { runtime, put, dir } = machine();
  for (const id of ["a.1", "a.2", "b"]) put(id, { target: harmless(), lease: { ...owned, hold: true }, act: id.slice(0, 1) });
  expect((await healRecords(runtime, ["a"])).healed.map(({ id }) => id).toSorted()).toEqual(["a.1", "a.2"]);
  expect(recordIds(dir)).toEqual(["b"]);
  expect((await healRecords(runtime, undefined)).healed).toHaveLength(1);
});

test("the commands: nothing there, which one, unknown", async () => {
  const { runtime, put } = machine();
  const cli = (argv: string[]) => runCli(argv, { cwd: runtime.cwd });
  expect((await cli(["chaos", "status"])).stdout).toBe("no fault is active\n");
  expect(await cli(["chaos", "heal", "--all"])).toMatchObject({ exitCode: 0, stdout: "nothing to heal\n" });
  put("kill-node-abc", { target: harmless(), lease: { ...owned, hold: true } });
  expect((await cli(["chaos", "heal"])).stderr).toContain("say which, or --all: kill-node-abc");
  const unknown = await cli(["chaos", "heal", "kill-node-abd"]);
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stderr).toContain('did you mean "kill-node-abc"?');
  expect((await cli(["chaos", "heal", "kill-node-abc", "--json"])).json().result.healed).toHaveLength(1);
});
