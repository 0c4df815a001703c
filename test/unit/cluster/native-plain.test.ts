import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { connectCluster } from "../../../src/cluster/index.ts";
import type { NodePool } from "../../../src/http/contract.ts";
import { seededRng } from "../../../src/runtime.ts";
import { loadHashes } from "../../../src/sharding/hash.ts";
import { beginCopy, foundTable } from "../../../src/sharding/native-table.ts";
import type { RoutingTable } from "../../../src/sharding/table.ts";
import { openStateStore, type StateStore } from "../../../src/state/index.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { nativeSimConfig } from "../../helpers/sim/native-cluster.ts";
import { NativeSimStore } from "../../helpers/sim/native-store.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

beforeEach(loadHashes);

/** A native collection that its store places by itself, as most are, and a client of it. */
async function plain(
  { path, state, onSend }: { path?: string; state?: StateStore; onSend?: () => Promise<void> },
  clock = new EventClock(),
) {
  const store = new NativeSimStore(clock, seededRng(1));
  store.create("docs", false, 3);
  const cluster = { ...nativeSimConfig(400), state: { driver: "sqlite" as const, ...(path !== undefined && { path }) } };
  const sent: string[] = [];
  const counted = (pool: NodePool): NodePool => ({
    ...pool,
    async send(request, options) {
      sent.push(`${request.method} ${request.path.split("?")[0]}`);
      await onSend?.();
      return await pool.send(request, options);
    },
  });
  const until = async <T>(work: Promise<T>): Promise<T> => {
    const run = { done: false };
    const ended = work.finally(() => (run.done = true));
    ended.catch(() => undefined);
    for (let turn = 0; turn < 3_000 && !run.done; turn++) await clock.run(10);
    return await ended;
  };
  const client = await connectCluster(
    cluster,
    { clock, rng: seededRng(2), purpose: "test", cwd: "/" },
    {
      createPool: () => counted(store.pool(() => false)),
      driver: store.driver(() => false),
      ...(state && { state }),
      clientId: "c",
    },
  );
  const search = async () => (await until(client.search(client.prepareSearch("docs", [1, 0, 0], { k: 3 })))).hits.length;
  const upsert = (key: string) => until(client.upsert("docs", [{ key, vector: [1, 0, 0] }]));
  return { client, clock, sent, until, search, upsert };
}

/** What a change makes of it first: a table, and in it a copy. */
async function announce(state: StateStore) {
  const table = (await state.createTable(foundTable("docs", { size: 3, distance: "Cosine" }, { hash: "xxh32" }))) as RoutingTable;
  const copy = { id: "plan~1", physical: "docs@1", partitioner: table.partitioner };
  const begun = beginCopy(table, copy);
  if ("refused" in begun) throw new Error(begun.refused);
  await state.compareAndSet(begun.table);
}

test("a state store that nobody has made is not made to search and write, and no request more is sent", async () => {
  const path = join(tempDir(), "not", "there", "state.sqlite");
  const { client, sent, search, upsert, until } = await plain({ path });
  expect((await upsert("a")).acknowledged).toEqual(["a"]);
  expect(await search()).toBe(1);
  expect((await until(client.delete("docs", ["a"]))).acknowledged).toEqual(["a"]);
  expect(await until(client.collections())).toEqual(["docs"]);
  expect(sent).toEqual([
    "PUT /collections/docs/points",
    "POST /collections/docs/points/query",
    "POST /collections/docs/points/delete",
  ]);
  expect(existsSync(join(path, "..", ".."))).toBe(false);
  await until(client.close());
});

test("from the moment that there is one, writes go by it: what they touch is noted for a copy", async () => {
  const path = join(tempDir(), "state.sqlite");
  const { client, clock, upsert, until } = await plain({ path });
  expect((await upsert("a")).acknowledged).toEqual(["a"]);
  const state = await openStateStore({ driver: "sqlite", path }, { clusterName: "sim", baseDir: "/", clock });
  await announce(state);
  expect((await upsert("b")).acknowledged).toEqual(["b"]);
  expect((await state.readTouched("docs", "plan~1", 0, 10)).map(({ kind }) => kind)).toEqual(["before", "after"]);
  await clock.run(1_500);
  expect((await state.leases()).map(({ confirmed }) => confirmed)).toEqual([{ docs: 2 }]);
  await until(client.close());
  await state.close();
});

test("one that is there and cannot be opened: nothing is written, and reads go by the name", async () => {
  const path = join(tempDir(), "state.sqlite");
  mkdirSync(path);
  const { client, sent, search, upsert, until } = await plain({ path });
  await expect(upsert("a")).rejects.toMatchObject({ exitCode: 3 });
  expect(sent).toEqual([]);
  expect(await search()).toBe(0);
  expect(await until(client.collections())).toEqual(["docs"]);
  await expect(until(client.dropCollection("docs"))).rejects.toMatchObject({ exitCode: 3 });
  await until(client.close());
});

test("a write that was held up until a copy had begun without it is not acknowledged", async () => {
  const clock = new EventClock();
  const state = memoryState(new MemoryState(), clock);
  let held = false;
  const onSend = async () => {
    if (held) return;
    held = true;
    await announce(state);
    await clock.sleep(3_000);
  };
  const { client, upsert, until } = await plain({ state, onSend }, clock);
  expect(await upsert("a")).toMatchObject({
    acknowledged: [],
    failed: [{ key: "a", reason: expect.stringContaining("lease") as string }],
  });
  expect((await upsert("a")).acknowledged).toEqual(["a"]);
  await until(client.close());
});

test("reads do not wait for a state store that hangs, but once", async () => {
  const clock = new EventClock();
  const away = { now: false };
  const state = memoryState(new MemoryState(), clock, async () => {
    if (!away.now) return;
    await clock.sleep(2_000);
    throw new (await import("../../../src/errors.ts")).RagctlError("it hangs", { code: "state-unreachable", exitCode: 3 });
  });
  const { client, search, until } = await plain({ state }, clock);
  await search();
  away.now = true;
  await clock.run(6_000);
  await search();
  const beganMs = clock.nowMs();
  for (let n = 0; n < 10; n++) await search();
  expect(clock.nowMs() - beganMs).toBeLessThan(1_000);
  away.now = false;
  await until(client.close());
});
