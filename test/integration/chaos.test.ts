import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { listRecords, recordIds } from "../../src/faults/journal.ts";
import { identify, isAlive } from "../../src/process-identity.ts";
import { seededRng } from "../../src/runtime.ts";
import { createDocsTable } from "../helpers/docs-table.ts";
import { startLocalCluster, supervisorOf, type LocalCluster } from "../helpers/local-cluster.ts";
import { makeWhole } from "../helpers/make-whole.ts";

const slow = 180_000;
const leaseAndTwoMs = 7_000;

let cluster: LocalCluster;
let journal: string;

beforeAll(async () => {
  cluster = await startLocalCluster({ nodes: 3, replicas: 2 });
  journal = join(cluster.stateDir, "faults");
  await createDocsTable(cluster);
}, slow);
afterAll(() => cluster.stop(), slow);
beforeEach(() => makeWhole(cluster), slow);

const pidOf = (node: string) => supervisorOf(cluster).processes[node]?.pid;
const urlOf = (node: string): string => cluster.status.nodes.find(({ id }: any) => id === node).url;
const answers = (node: string) =>
  fetch(`${urlOf(node)}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

async function until(what: () => boolean | Promise<boolean>, timeoutMs: number): Promise<number> {
  const startMs = performance.now();
  while (!(await what())) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - startMs;
}

test("killed, gone for as long as it was told, back, proven", { timeout: slow }, async () => {
  const before = pidOf("n2")!;
  const run = await cluster.cli(["chaos", "kill-node", "n2", "--restart-after", "1s", "--json"]);
  expect(run.exitCode).toBe(0);
  const { result } = run.json();
  expect(result).toMatchObject({
    fault: "kill-node",
    healed: true,
    probe: "gone",
    targets: [{ node: "n2", kind: "process", pid: before }],
  });
  expect(result.healedAt - result.injectedAt).toBeGreaterThanOrEqual(1_000);
  expect(identify(before)).toBeUndefined();
  expect(pidOf("n2")).not.toBe(before);
  expect(await answers("n2")).toBe(true);
  expect((await cluster.cli(["chaos", "status", "--json"])).json().result).toEqual({ active: [], broken: [] });
  const runs = (await cluster.cli(["runs", "latest", "--json"])).json().result;
  expect(runs.run).toMatchObject({ command: "chaos kill-node", cluster: "local", exitCode: 0 });
  expect(runs.run.events.map(({ kind, phase }: any) => [kind, phase])).toEqual([
    ["fault", "start"],
    ["fault", "end"],
  ]);
});

test("the record is on disk, with the killed process' identity, while the node is dead", { timeout: slow }, async () => {
  const identity = supervisorOf(cluster).processes["n1"]!;
  const { child, ended } = cluster.start(["chaos", "kill-node", "n1", "--restart-after", "60s"]);
  await until(() => !isAlive(identity), 30_000);
  const [entry] = listRecords(journal).entries;
  expect(entry!.record).toMatchObject({
    fault: "kill-node",
    target: { node: "n1", process: identity },
    lease: { owner: { pid: child.pid } },
  });
  const status = (await cluster.cli(["chaos", "status", "--json"])).json().result;
  expect(status.active).toMatchObject([{ fault: "kill-node", target: "n1", probe: "active", leaseEndsAt: expect.any(Number) }]);
  // Ctrl-C: healed at once, then it says that it was interrupted.
  child.kill("SIGINT");
  expect((await ended).exitCode).toBe(130);
  expect(await answers("n1")).toBe(true);
  expect(recordIds(journal)).toEqual([]);
});

test("kill -9 of ragctl at any moment: the node is back", { timeout: slow }, async () => {
  const seed = Number(process.env["RAGCTL_SEED"] ?? 20_260_101);
  const rng = seededRng(seed);
  for (let round = 0; round < 6; round++) {
    const atMs = Math.floor(rng() * 2_500);
    const { child, ended } = cluster.start(["chaos", "kill-node", "n3", "--restart-after", "60s"]);
    await new Promise((resolve) => setTimeout(resolve, atMs));
    child.kill("SIGKILL");
    await ended;
    // A record whose target lives was written in the instant before the watchdog was started: nothing was injected.
    const left = () =>
      listRecords(journal).entries.filter(({ record }) => !(record.target.kind === "process" && isAlive(record.target.process)));
    const tookMs = await until(async () => left().length === 0 && (await answers("n3")), 60_000);
    expect(tookMs, `seed ${seed}, round ${round}, killed after ${atMs} ms`).toBeLessThan(leaseAndTwoMs);
  }
  expect((await cluster.cli(["chaos", "status", "--json"])).json().result.active).toEqual([]);
});

test(
  "without --restart-after it stays dead until it is healed; a second one is refused by the last replica",
  { timeout: slow },
  async () => {
    const run = await cluster.cli(["chaos", "kill-node", "n2", "--json"]);
    expect(run.json()).toMatchObject({ exitCode: 0, result: { healed: false, healedAt: null, probe: "active" } });
    const second = await cluster.cli(["chaos", "kill-node", "n3", "--restart-after", "1s", "--json"]);
    expect(second.exitCode).toBe(7);
    expect(second.json().error).toMatchObject({
      code: "last-replica",
      message: expect.stringMatching(/of docs .*would have no serving owner \(n2 is down already\)/),
    });
    expect(await answers("n3")).toBe(true);
    const status = await cluster.cli(["chaos", "status", "--json"]);
    expect(status.json().result.active).toMatchObject([{ target: "n2", probe: "active", leaseEndsAt: null }]);
    const heal = await cluster.cli(["chaos", "heal", "--all", "--json"]);
    expect(heal.json()).toMatchObject({ exitCode: 0, result: { healed: [{ target: "n2", probe: "gone" }], failed: [] } });
    expect(await answers("n2")).toBe(true);
  },
);

test("no supervisor: what cannot be healed is exit 5, says how to go on, and up brings it back", { timeout: slow }, async () => {
  await cluster.cli(["chaos", "kill-node", "n2"]);
  process.kill(supervisorOf(cluster).supervisor.pid, "SIGKILL");
  const heal = await cluster.cli(["chaos", "heal", "--all", "--json"]);
  expect(heal.json()).toMatchObject({ exitCode: 5, result: { healed: [], failed: [{ target: "n2", probe: "active" }] } });
  expect(heal.json().result.failed[0].problem).toContain("ragctl up");
  const kill = await cluster.cli(["chaos", "kill-node", "n1"]);
  expect(kill).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("ragctl up") });
  expect((await cluster.cli(["up"])).exitCode).toBe(0);
  expect(await answers("n2")).toBe(true);
  expect((await cluster.cli(["chaos", "status", "--json"])).json().result.active).toEqual([]);
});

test("an unknown node is a usage error with what was probably meant", { timeout: slow }, async () => {
  const run = await cluster.cli(["chaos", "kill-node", "m2"]);
  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('did you mean "n2"?') });
  const both = await cluster.cli(["chaos", "kill-node", "n2", "--for", "1s", "--restart-after", "2s"]);
  expect(both.exitCode).toBe(2);
});
