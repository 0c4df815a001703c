import { describe, expect, test } from "vitest";
import type { AliasRecord } from "../../../src/sharding/alias-record.ts";
import type { NewTable, StateStore } from "../../../src/state/index.ts";

/** A fresh, empty store; `other` opens the same one again, as another process would; `pass` lets that much time go by. */
export interface StateFixture {
  store: StateStore;
  other: () => Promise<StateStore>;
  pass: (ms: number) => Promise<void>;
}

const fresh: NewTable = {
  schemaVersion: 1,
  collection: "docs",
  partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 10 },
  replicas: 1,
  members: ["a"],
  nodes: { a: { url: "http://a", weight: 1, state: "serving" } },
  moves: [],
  vector: { size: 4, distance: "Cosine" },
};
const owner = { pid: 1, startTime: "t", host: "h", purpose: "test" };

/** What every state store must do. */
export function stateConformance(name: string, setUp: () => Promise<StateFixture>): void {
  describe(name, () => {
    test("a table is created once, changes by compare-and-set alone, and its epoch only grows, even over a drop", async () => {
      const { store, other } = await setUp();
      expect(await store.getTable("docs")).toBeUndefined();
      const created = await store.createTable(fresh);
      expect(created).toEqual({ ...fresh, epoch: 1 });
      expect(await store.createTable(fresh)).toBeUndefined();
      const second = await other();
      expect(await second.getTable("docs")).toEqual(created);
      expect(await store.compareAndSet({ ...created!, epoch: 2, replicas: 2 })).toBe(true);
      expect(await second.compareAndSet({ ...created!, epoch: 2, replicas: 3 })).toBe(false);
      expect((await second.getTable("docs"))?.replicas).toBe(2);
      expect(await store.tables()).toEqual([{ collection: "docs", epoch: 2 }]);
      expect(await store.dropTable("docs", 1)).toBe(false);
      expect(await store.dropTable("docs", 2)).toBe(true);
      expect(await store.getTable("docs")).toBeUndefined();
      expect(await store.tables()).toEqual([]);
      expect(await store.compareAndSet({ ...created!, epoch: 4 })).toBe(false);
      expect((await second.createTable(fresh))?.epoch).toBe(4);
    });

    test("of many concurrent changes of one epoch exactly one wins", async () => {
      const { store, other } = await setUp();
      const table = (await store.createTable(fresh))!;
      const stores = [store, await other(), await other()];
      for (let epoch = 2; epoch < 12; epoch++) {
        const wins = await Promise.all(stores.map((one, index) => one.compareAndSet({ ...table, epoch, replicas: index + 1 })));
        expect(wins.filter(Boolean)).toHaveLength(1);
        expect((await store.getTable("docs"))?.replicas).toBe(wins.indexOf(true) + 1);
      }
    });

    test("an alias changes by compare-and-set alone, and every renewal of a lease tells what it stands for", async () => {
      const { store, other } = await setUp();
      expect(await store.getAlias("docs")).toBeUndefined();
      const first: AliasRecord = { schemaVersion: 1, alias: "docs", version: 1, collection: null, releases: [] };
      const stores = [store, await other(), await other()];
      const made = await Promise.all(stores.map((one) => one.compareAndSetAlias(first)));
      expect(made.filter(Boolean)).toHaveLength(1);
      for (let version = 2; version < 8; version++) {
        const wins = await Promise.all(
          stores.map((one, index) => one.compareAndSetAlias({ ...first, version, collection: `docs-${version}-${index}` })),
        );
        expect(wins.filter(Boolean)).toHaveLength(1);
        const expected = { ...first, version, collection: `docs-${version}-${wins.indexOf(true)}` };
        expect(await stores[2]!.getAlias("docs")).toEqual(expected);
        const claim = { client: "c1", purpose: "load", host: "h", ttlMs: 5000, confirmed: {} };
        expect((await store.renewLease(claim)).aliases).toEqual([expected]);
      }
      expect(await store.compareAndSetAlias({ ...first, version: 12 })).toBe(false);
      await store.compareAndSetAlias({ ...first, alias: "also" });
      expect((await stores[1]!.aliases()).map(({ alias }) => alias)).toEqual(["also", "docs"]);
    });

    test("leases: registered, renewed with what they confirm, told the epochs, ended, released", async () => {
      const { store, other, pass } = await setUp();
      const claim = { client: "c1", purpose: "load", host: "h", ttlMs: 5000, confirmed: { docs: 0 } };
      expect(await store.renewLease(claim)).toEqual({ epochs: {}, aliases: [] });
      await store.createTable(fresh);
      expect(await store.renewLease({ ...claim, confirmed: { docs: 1 } })).toEqual({ epochs: { docs: 1 }, aliases: [] });
      await (await other()).renewLease({ ...claim, client: "c2", ttlMs: 60_000 });
      const [first, second, ...rest] = await store.leases();
      expect(rest).toEqual([]);
      expect(first).toMatchObject({ client: "c1", purpose: "load", host: "h", confirmed: { docs: 1 } });
      expect(first!.remainingMs).toBeGreaterThan(4000);
      expect(first!.remainingMs).toBeLessThanOrEqual(5000);
      expect(second!.client).toBe("c2");
      await store.renewLease({ ...claim, ttlMs: 50 });
      await pass(100);
      const ended = (await store.leases())[0]!;
      expect(ended.client).toBe("c1");
      expect(ended.remainingMs).toBeLessThan(0);
      await store.releaseLease("c1");
      expect((await store.leases()).map(({ client }) => client)).toEqual(["c2"]);
    });

    test("locks: exclusive, renewed and released by token, taken over when ended or dead; tokens only grow", async () => {
      const { store, other, pass } = await setUp();
      const second = await other();
      const first = await store.acquireLock("cluster", owner, 60_000);
      expect(first).toEqual({ acquired: true, token: 1 });
      const refused = await second.acquireLock("cluster", { ...owner, pid: 2 }, 60_000);
      expect(refused).toMatchObject({ acquired: false, holder: { name: "cluster", owner, token: 1 } });
      expect(await second.renewLock("cluster", 2, 60_000)).toBe(false);
      expect(await second.releaseLock("cluster", 2)).toBe(false);
      expect(await store.renewLock("cluster", 1, 60_000)).toBe(true);
      expect((await store.locks()).map(({ name }) => name)).toEqual(["cluster"]);
      expect(await second.acquireLock("cluster", { ...owner, pid: 2 }, 50, 1)).toEqual({ acquired: true, token: 2 });
      expect(await store.renewLock("cluster", 1, 60_000)).toBe(false);
      expect(await store.acquireLock("cluster", owner, 60_000, 1)).toMatchObject({ acquired: false });
      await pass(100);
      expect(await store.acquireLock("cluster", owner, 60_000)).toEqual({ acquired: true, token: 3 });
      expect(await store.releaseLock("cluster", 3)).toBe(true);
      expect(await store.locks()).toEqual([]);
      expect(await store.renewLock("cluster", 3, 60_000)).toBe(false);
      expect(await second.acquireLock("cluster", owner, 60_000)).toEqual({ acquired: true, token: 4 });
    });

    test("touched logs keep order and kinds of id, and are read from a cursor", async () => {
      const { store, other } = await setUp();
      await store.appendTouched("docs", [
        { move: "m", kind: "before", id: 7, op: "o1" },
        { move: "m", kind: "before", id: "7", op: "o1" },
        { move: "n", kind: "before", id: 8, op: "o1" },
      ]);
      await (await other()).appendTouched("docs", [{ move: "m", kind: "after", id: 7, op: "o1" }]);
      const all = await store.readTouched("docs", "m", 0, 10);
      expect(all.map(({ kind, id, op }) => [kind, id, op])).toEqual([
        ["before", 7, "o1"],
        ["before", "7", "o1"],
        ["after", 7, "o1"],
      ]);
      expect(all.every(({ seq }, index) => index === 0 || seq > all[index - 1]!.seq)).toBe(true);
      expect((await store.readTouched("docs", "m", all[0]!.seq, 1)).map(({ id }) => id)).toEqual(["7"]);
      await store.dropTouched("docs", "m");
      expect(await store.readTouched("docs", "m", 0, 10)).toEqual([]);
      expect(await store.readTouched("docs", "n", 0, 10)).toHaveLength(1);
    });
  });
}
