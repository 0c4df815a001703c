import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { listRecords, recordIds } from "../../src/faults/journal.ts";
import { isAlive } from "../../src/process-identity.ts";
import { signalProcess } from "../../src/process-signal.ts";
import { callProxies } from "../../src/proxy/client.ts";
import { realClock } from "../../src/runtime.ts";
import { packageRoot } from "../../src/version.ts";
import { startLocalCluster, supervisorOf, type LocalCluster } from "../helpers/local-cluster.ts";
import { makeWhole } from "../helpers/make-whole.ts";

const slow = 240_000;
let cluster: LocalCluster;
let journal: string;

beforeAll(async () => {
  cluster = await startLocalCluster({ nodes: 3, replicas: 2 });
  journal = join(cluster.stateDir, "faults");
  const docs = join(packageRoot, "test", "data", "cranfield", "docs.jsonl");
  const ingest = await cluster.cli(["ingest", docs, "--collection", "docs"]);
  expect(ingest.exitCode, ingest.stderr).toBe(0);
}, slow);
afterAll(() => cluster.stop(), slow);
beforeEach(() => makeWhole(cluster), slow);

async function isImpaired(): Promise<boolean> {
  const socket = join(cluster.dir, ".ragctl", "proxy.sock");
  const { proxies } = await callProxies(socket, { op: "status" }, { timeoutMs: 5_000 });
  return proxies.some(({ impairments }) => impairments.length > 0);
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await what()); tries++) {
    if (tries > 1_200) throw new Error("not within a minute");
    await realClock.sleep(50);
  }
}

test("a second node, when it holds the last replica: refused, with the part of the data by name", { timeout: slow }, async () => {
  expect((await cluster.cli(["chaos", "kill-node", "n2"])).exitCode).toBe(0);
  const second = await cluster.cli(["chaos", "kill-node", "n3", "--json"]);
  expect(second.exitCode).toBe(7);
  const { error } = second.json();
  expect(error.code).toBe("last-replica");
  expect(error.message).toMatch(
    /without n3, [\d.]+ % of docs \(hashes \d+ to \d+, and \d+ more ranges\) would have no serving owner \(n2 is down already\)/,
  );
  expect(error.message).toContain("kill-node is active on n2");
  expect(isAlive(supervisorOf(cluster).processes["n3"]!)).toBe(true);
  // What may be hurt further may be, but never what holds the last replica.
  const allowed = await cluster.cli(["chaos", "kill-node", "n3", "--allow-degraded", "--max-blast", "3"]);
  expect(allowed.exitCode).toBe(7);
});

test("--dry-run says what would be hit, and touches nothing", { timeout: slow }, async () => {
  const one = await cluster.cli(["chaos", "hang", "n2", "--dry-run", "--json"]);
  expect(one.exitCode, one.stderr).toBe(0);
  const { result } = one.json();
  expect(result).toMatchObject({ fault: "hang", nodes: ["n2"], impact: "silences", refusals: [] });
  expect(result.collections[0]).toMatchObject({ collection: "docs", unserved: { share: 0 }, queries: { failing: 0 } });
  expect(result.collections[0].affected.share).toBeGreaterThan(0.5);
  const two = await cluster.cli(["chaos", "hang", "n2", "n3", "--dry-run"]);
  expect(two.exitCode).toBe(7);
  expect(two.stdout).toMatch(/left without a serving owner: [\d.]+ % of docs/);
  expect(recordIds(journal)).toEqual([]);
});

test("a second experiment at once is refused; the first goes on", { timeout: slow }, async () => {
  const { child, ended } = cluster.start(["chaos", "latency", "n1", "--delay", "5ms", "--for", "10m"]);
  await until(() => listRecords(journal).entries.length > 0);
  const second = await cluster.cli(["chaos", "latency", "n2", "--delay", "5ms", "--for", "1s", "--json"]);
  expect(second.exitCode).toBe(7);
  expect(second.json().error).toMatchObject({ code: "experiment-running", message: expect.stringContaining(`pid ${child.pid}`) });
  expect(listRecords(journal).entries).toHaveLength(1);
  child.kill("SIGINT");
  expect((await ended).exitCode).toBe(130);
});

test("another node that dies meanwhile: healed at once, exit 7 with the reason", { timeout: slow }, async () => {
  const { ended } = cluster.start(["chaos", "latency", "n1", "--delay", "5ms", "--for", "10m", "--json"]);
  // Its record is there before it is: a node that dies in between makes it a refusal.
  await until(isImpaired);
  signalProcess(supervisorOf(cluster).processes["n3"]!, "SIGKILL");
  const run = await ended;
  expect(run.exitCode, run.stderr).toBe(7);
  expect(run.json().result).toMatchObject({
    healed: true,
    probe: "gone",
    stoppedBy: { kind: "guard", reason: expect.stringMatching(/^n3, which no fault of this experiment acts on, was lost/) },
  });
  expect(recordIds(journal)).toEqual([]);
});

test("stop conditions: what canary searches or a command say, exit 4", { timeout: slow }, async () => {
  const slowly = ["chaos", "latency", "n1", "--delay", "2s", "--for", "10m", "--json"];
  const objective = await cluster.cli([...slowly, "--stop-if", "max>1s"]);
  expect(objective.exitCode, objective.stderr).toBe(4);
  expect(objective.json().result).toMatchObject({
    healed: true,
    stoppedBy: { kind: "objective", reason: expect.stringMatching(/^max>1s: /) },
  });
  const command = await cluster.cli([...slowly, "--stop-command", `! ls ${journal}/*.json >/dev/null 2>&1`]);
  expect(command.exitCode, command.stderr).toBe(4);
  expect(command.json().result.stoppedBy.kind).toBe("command");
  const before = await cluster.cli([...slowly, "--stop-command", "exit 3"]);
  expect(before.exitCode).toBe(7);
  expect(before.json().error).toMatchObject({ code: "stop-condition-holds", message: expect.stringContaining("exit code 3") });
  expect(recordIds(journal)).toEqual([]);
});

test("the monkey on its leash says what it would do, and does not do it", { timeout: slow }, async () => {
  const run = await cluster.cli(["chaos", "monkey", "--for", "14d", "--seed", "3", "--json"]);
  expect(run.exitCode, run.stderr).toBe(0);
  const { result } = run.json();
  expect(result).toMatchObject({ cluster: "local", profile: "office-hours", leashed: true, seed: 3, stoppedBy: null });
  expect(result.acts.length).toBeGreaterThan(0);
  expect(result.counts).toEqual({ would: result.acts.length });
  expect(recordIds(journal)).toEqual([]);
});
