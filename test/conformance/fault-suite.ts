import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { leaseTtlMs, type HealRecord } from "../../src/faults/contract.ts";
import { faultNamed } from "../../src/faults/index.ts";
import { listRecords, recordIds, writeRecord } from "../../src/faults/journal.ts";
import { identify, isAlive, isStopped } from "../../src/process-identity.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { createDocsTable } from "../helpers/docs-table.ts";
import type { FaultCase } from "../helpers/fault-cases.ts";
import { watchdogPid, withReusedPid } from "../helpers/fault-journal.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";
import { makeWhole } from "../helpers/make-whole.ts";
import { serviceBinary } from "../helpers/service.ts";

const crashes = Number(process.env["RAGCTL_TEST_CRASHES"] ?? 2);
const promisedMs = leaseTtlMs + 2_000;
const boundMs = process.env["RAGCTL_TEST_CRASHES"] ? promisedMs : 30_000;
const seed = Number(process.env["RAGCTL_SEED"] ?? 20_261_120);
/** Half of the moments lie within so long of ragctl's start: before, in and just after the injection; the others after it. */
const startingMs = 2_500;
const lastingMs = 1_500;
const slow = 180_000;
/** Clusters that a file's cases share, side by side: they wait for most of the time. */
const lanes = 2;

/**
 * Every fault heals for certain. A fault joins by a line in `test/helpers/fault-cases.ts`.
 *
 * `RAGCTL_TEST_CRASHES=100` raises how often ragctl is killed in each case (and then holds the time to the promise of lease + 2 s,
 * which a machine that is busy with other tests need not keep); `RAGCTL_SEED` repeats the moments.
 */
export function everyFaultHeals(cases: readonly FaultCase[]): void {
  for (let lane = 0; lane < lanes; lane++)
    describe.concurrent(`cluster ${lane + 1}`, () => {
      describe("in turn", { concurrent: false }, () => oneByOne(cases.filter((_, index) => index % lanes === lane)));
    });
}

function oneByOne(cases: readonly FaultCase[]): void {
  let cluster: LocalCluster;
  let journal: string;
  const untilAll = (each: FaultCase, wanted: "broken" | "whole") => untilSeen(cluster, each, wanted);

  beforeAll(async () => {
    const cache = serviceBinary("redis-server") ? "redis" : "memory";
    cluster = await startLocalCluster({ nodes: 4, replicas: 2, zones: ["a", "b"], cache });
    journal = join(cluster.stateDir, "faults");
    await createDocsTable(cluster);
  }, slow);
  afterAll(() => cluster?.stop(), slow);
  /** Whatever a test left: nothing is broken when the next begins. */
  afterEach(() => makeWhole(cluster), slow);

  describe.each(cases.map((each) => [each.title, each] as const))("%s", (_title, each) => {
    const check = each.skip === undefined ? test : test.skip;

    check("active while it lasts, gone after Ctrl-C, and healing again does no harm", { timeout: slow }, async () => {
      const { child, ended } = cluster.start([...lasting(each), "--json"]);
      await untilAll(each, "broken");
      const [broken, named] = await Promise.all([
        told(cluster, ["chaos", "status"], ({ active }) => active),
        told(cluster, ["status"], ({ faults }) => faults),
      ]);
      expect(broken.map(({ target, probe }) => [target, probe])).toEqual(each.targets.map((target) => [target, "active"]));
      expect(named.map(({ fault, target, probe }) => [fault, target, probe])).toEqual(
        each.targets.map((target) => [each.fault, target, "active"]),
      );
      const records = listRecords(journal).entries.map(({ record }) => record);
      expect(records.map(({ lease }) => lease.owner.pid)).toEqual(each.targets.map(() => child.pid));
      child.kill("SIGINT");
      const run = await ended;
      expect(run.exitCode, run.stderr).toBe(130);
      expect(run.json().error).toMatchObject({ code: "interrupted", details: { healed: true, probe: "gone" } });
      await untilAll(each, "whole");
      expect(recordIds(journal)).toEqual([]);
      for (const record of [...records, ...records]) {
        await faultOf(record).heal(record, { clock: realClock });
        expect(await faultOf(record).probe(record, { clock: realClock })).toBe("gone");
      }
      await untilAll(each, "whole");
    });

    check(`kill -9 of ragctl at ${crashes} moments: gone within lease + 2 s`, { timeout: slow + crashes * 60_000 }, async () => {
      const rng = seededRng(seed);
      let worst = { tookMs: 0, when: "" };
      for (let round = 0; round < crashes; round++) {
        const { child, ended } = cluster.start(lasting(each));
        const injected = round % 2 === 0;
        if (injected) await untilAll(each, "broken");
        const atMs = Math.floor(rng() * (injected ? lastingMs : startingMs));
        await realClock.sleep(atMs);
        child.kill("SIGKILL");
        const tookMs = await untilAll(each, "whole");
        await ended;
        const when = `${atMs} ms after ${injected ? "it was seen to be broken" : "ragctl was started"}`;
        const where = `seed ${seed}, round ${round}, killed ${when}`;
        expect(tookMs, where).toBeLessThan(boundMs);
        const status = await cluster.cli(["chaos", "status", "--json"]);
        expect(status.json().result, where).toEqual({ active: [], broken: [] });
        if (tookMs > worst.tookMs) worst = { tookMs, when };
      }
      console.log(
        `${each.title}: ${crashes} crashes (seed ${seed}); the worst was seen whole after ${Math.round(worst.tookMs)} ms, killed ${worst.when}`,
      );
    });

    check("kill -9 of ragctl and of its watchdog: the next command heals, and says so", { timeout: slow }, async () => {
      const { child, ended } = cluster.start(lasting(each));
      await untilAll(each, "broken");
      const watchdog = watchdogPid(recordIds(journal)[0]!);
      expect(watchdog).toBeDefined();
      process.kill(watchdog!, "SIGKILL");
      child.kill("SIGKILL");
      await ended;
      const next = await cluster.cli(["status"]);
      expect(next.exitCode, `${next.stdout}\n${next.stderr}`).toBe(0);
      for (const target of each.targets)
        expect(next.stderr).toContain(`healed ${each.fault} on ${target}, which an earlier ragctl`);
      expect(recordIds(journal)).toEqual([]);
      await untilAll(each, "whole");
    });

    check(
      "a pid in the journal that another process has by now: that one is not touched",
      { timeout: slow },
      async ({ onTestFinished }) => {
        const { child, ended } = cluster.start(lasting(each));
        await untilAll(each, "broken");
        const [entry] = listRecords(journal).entries;
        child.kill("SIGINT");
        await ended;
        const bystander = spawn("sleep", ["600"], { stdio: "ignore" });
        onTestFinished(() => void bystander.kill("SIGKILL"));
        process.kill(bystander.pid!, "SIGSTOP");
        const identity = identify(bystander.pid!)!;
        const owner = { ...entry!.record.lease.owner, startTime: "never/0" };
        const forged = withReusedPid({ ...entry!.record, lease: { ...entry!.record.lease, owner } }, identity.pid);
        writeRecord(journal, forged, realClock.nowMs());
        const next = await cluster.cli(["chaos", "heal", "--all", "--json"]);
        expect(next.exitCode, next.stdout).toBe(0);
        expect(recordIds(journal)).toEqual([]);
        expect([isAlive(identity), isStopped(identity.pid)]).toEqual([true, true]);
        await untilAll(each, "whole");
      },
    );
  });
}

interface Told {
  fault: string;
  target: string;
  probe: string;
}

/** What a command says of the faults: again where a probe had no answer in time, as on a machine that is busy with other tests. */
async function told(cluster: LocalCluster, argv: readonly string[], faultsIn: (result: any) => Told[]): Promise<Told[]> {
  for (let looks = 1; ; looks++) {
    const faults = faultsIn((await cluster.cli([...argv, "--json"])).json().result);
    if (looks === 10 || faults.every(({ probe }) => probe !== "unknown")) return faults;
  }
}

function lasting({ argv }: FaultCase): string[] {
  // On a machine that is busy with other tests, a node may be slow to answer a guard.
  return ["chaos", ...argv, "--for", "10m", "--allow-degraded"];
}

function faultOf({ fault }: HealRecord) {
  return faultNamed(fault)!;
}

/**
 * Looks at every target from outside until all are seen so, twice in a row: what was sent in the last instant of a process that is
 * gone may land after one look.
 * @returns when the first of those two looks had ended, ms from the call
 */
async function untilSeen(
  cluster: LocalCluster,
  each: FaultCase,
  wanted: "broken" | "whole",
  timeoutMs = 60_000,
): Promise<number> {
  const startUs = realClock.monotonicUs();
  let since: number | undefined;
  for (;;) {
    const seen = await Promise.all(each.targets.map((target) => each.observe(cluster, target)));
    const atMs = (realClock.monotonicUs() - startUs) / 1000;
    if (!seen.every((state) => state === wanted)) since = undefined;
    else if (since !== undefined && atMs - since >= 300) return since;
    else since ??= atMs;
    if (atMs > timeoutMs) throw new Error(`${each.title}: not ${wanted} within ${timeoutMs} ms, but ${seen.join(", ")}`);
    await realClock.sleep(30);
  }
}
