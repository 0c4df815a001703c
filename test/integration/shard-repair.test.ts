import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/process-signal.ts";
import { seededRng } from "../../src/runtime.ts";
import { supervisorOf } from "../helpers/local-cluster.ts";
import { startWriter } from "../helpers/recording-writer.ts";
import { collection, dim, startShardCluster, type ShardCluster } from "./shard-set-up.ts";

let cluster: ShardCluster;
beforeAll(async () => {
  cluster = await startShardCluster({ nodes: 3, replicas: 2, change: (config) => (config["objectives"] = {}) });
}, 120_000);
afterAll(() => cluster?.stop(), 60_000);

async function stateOf(node: string): Promise<string> {
  return (await cluster.client.table(collection))!.nodes[node]!.state;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 600)
      throw new Error(`never: ${what}\n${readFileSync(join(cluster.dir, ".ragctl", "logs", "supervisor.log"), "utf8")}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test(
  "a node that is killed under writes becomes stale; once it is back, the supervisor repairs it by itself",
  { timeout: 120_000 },
  async () => {
    const writer = startWriter(cluster.client, collection, { keys: 60, dim, rng: seededRng(1) });
    try {
      expect(signalProcess(supervisorOf(cluster).processes["n2"]!, "SIGKILL")).toBe(true);
      await until("n2 is stale", async () => (await stateOf("n2")) === "stale");
      expect((await cluster.cli(["up"])).exitCode).toBe(0);
      await until("n2 serves again", async () => (await stateOf("n2")) === "serving");
    } finally {
      await writer.stop();
    }
    expect(await writer.wrong()).toEqual([]);
    const verified = await cluster.cli(["shard", "verify", "--json"]);
    expect(verified.json().result).toMatchObject({ clean: true, missing: 0, different: 0 });
  },
);

test(
  "verify finds a point that is gone, one that is old and one that is where it does not belong; --repair puts them right",
  { timeout: 120_000 },
  async () => {
    const { driverFor } = await import("../../src/stores/index.ts");
    const { createPool } = await import("../../src/http/pool.ts");
    const { createRouting, pointIdOf } = await import("../../src/sharding/index.ts");
    const face = driverFor(cluster.cluster).data(collection);
    const routing = createRouting((await cluster.client.table(collection))!);
    const send = async (node: string, request: Parameters<ReturnType<typeof createPool>["send"]>[0]) => {
      const pool = createPool({ origin: routing.table.nodes[node]!.url });
      const answer = await pool.send(request, { timeoutMs: 5_000 });
      await pool.close();
      expect(answer.status).toBe(200);
      return answer.body;
    };
    const ownersOf = (key: string) => routing.setAt(routing.stamper.hashOf(key)).owners.map((index) => routing.nodeIds[index]!);
    const fetch = async (node: string, key: string) =>
      face.parseFetch(await send(node, face.prepareFetch([pointIdOf(key)], { withPayload: true, withVector: true })))[0];

    const [gone, old, astray, changed] = ["doc 1", "doc 2", "doc 3", "doc 4"] as const;
    await send(ownersOf(gone)[1]!, face.prepareDelete({ ids: [pointIdOf(gone)] }, { wait: true }));
    const point = (await fetch(ownersOf(old)[0]!, old))!;
    await send(
      ownersOf(old)[0]!,
      face.prepareUpsert([{ ...point, payload: { ...point.payload, n: -1, _ragctl_v: 5 } }], { wait: true }),
    );
    const stray = (await fetch(ownersOf(astray)[0]!, astray))!;
    const other = ["n1", "n2", "n3"].find((id) => !ownersOf(astray).includes(id))!;
    await send(other, face.prepareUpsert([stray], { wait: true }));
    const same = (await fetch(ownersOf(changed)[0]!, changed))!;
    await send(ownersOf(changed)[0]!, face.prepareUpsert([{ ...same, payload: { ...same.payload, n: -1 } }], { wait: true }));

    const found = await cluster.cli(["shard", "verify", "--sample", "1000", "--json"]);
    expect(found.exitCode).toBe(4);
    expect(found.json().result).toMatchObject({ clean: false, missing: 1, orphaned: 1, different: 2 });
    const keys = found.json().result.examples.map(({ key, problem }: { key: string; problem: string }) => `${problem} ${key}`);
    expect(keys.toSorted()).toEqual(["different doc 2", "different doc 4", "missing doc 1", "orphaned doc 3"]);
    const repaired = await cluster.cli(["shard", "verify", "--sample", "1000", "--repair", "--json"]);
    expect(repaired.exitCode, repaired.stdout).toBe(0);
    expect(repaired.json().result).toMatchObject({ clean: true, repaired: { copied: 3, deleted: 1 } });
    const [back] = await cluster.client.fetch(collection, [old]);
    expect(back!.payload["n"]).toBe(2);
  },
);

test("a node that is gone for good is replaced by a plan that removes it", { timeout: 120_000 }, async () => {
  const writer = startWriter(cluster.client, collection, { keys: 60, dim, rng: seededRng(2), name: "again" });
  try {
    expect(signalProcess(supervisorOf(cluster).processes["n1"]!, "SIGKILL")).toBe(true);
    await until("n1 is stale", async () => (await stateOf("n1")) === "stale");
    const planned = await cluster.cli(["shard", "plan", "--remove", "n1", "--add", "n4", "-o", "without.json"]);
    expect(planned.exitCode, planned.stderr).toBe(0);
    const applied = await cluster.cli(["shard", "apply", "without.json", "--yes", "--json", "--max-pause", "20s"]);
    expect(applied.exitCode, applied.stdout).toBe(0);
  } finally {
    await writer.stop();
  }
  expect(await writer.wrong()).toEqual([]);
  const table = (await cluster.client.table(collection))!;
  expect(table.members.toSorted()).toEqual(["n2", "n3", "n4"]);
  expect(Object.keys(table.nodes)).not.toContain("n1");
  const verified = await cluster.cli(["shard", "verify", "--json"]);
  expect(verified.json().result).toMatchObject({ clean: true });
});
