import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { openStateStore, stateBaseDir, sqliteStatePath, unmatchedIds, type StateStore } from "../../../src/state/index.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { stateConformance } from "./conformance.ts";

const open: { store?: StateStore; dir?: string }[] = [];
afterEach(async () => {
  for (const { store } of open) await store?.close();
  for (const { dir } of open.splice(0)) if (dir) rmSync(dir, { recursive: true });
});

function temporary(): string {
  const dir = mkdtempSync(join(tmpdir(), "ragctl-state-"));
  open.push({ dir });
  return dir;
}

async function opened(dir: string, clock = new SimClock()): Promise<StateStore> {
  const store = await openStateStore({ driver: "sqlite" }, { clusterName: "c", baseDir: dir, clock });
  open.push({ store });
  return store;
}

stateConformance("SQLite", async () => {
  const dir = temporary();
  const clock = new SimClock();
  return { store: await opened(dir, clock), other: () => opened(dir, clock), pass: (ms) => clock.advance(ms) };
});

describe("SQLite", () => {
  test("many processes at once: every compare-and-set is won by one of them", async () => {
    const dir = temporary();
    await opened(dir);
    const script = join(dir, "writer.ts");
    const index = JSON.stringify(new URL("../../../src/state/index.ts", import.meta.url).href);
    const runtime = JSON.stringify(new URL("../../../src/runtime.ts", import.meta.url).href);
    writeFileSync(
      script,
      `import { openStateStore } from ${index};
import { realClock } from ${runtime};
const store = await openStateStore({ driver: "sqlite" }, { clusterName: "c", baseDir: ${JSON.stringify(dir)}, clock: realClock });
const fresh = { schemaVersion: 1, collection: "docs", partitioner: { kind: "rendezvous", hash: "xxh32" }, replicas: 1, members: ["a"], nodes: {}, moves: [], vector: { size: 1, distance: "Dot" } } as const;
await store.createTable({ ...fresh, members: ["a"], moves: [] });
let wins = 0;
while (wins < 25) {
  const table = (await store.getTable("docs"))!;
  await store.renewLease({ client: String(wins), purpose: "", host: "", ttlMs: 1000, confirmed: {} });
  if (await store.compareAndSet({ ...table, epoch: table.epoch + 1 })) wins++;
}
console.log(wins);
await store.close();`,
    );
    const runs = Array.from({ length: 3 }, () => promisify(execFile)(process.execPath, [script], { timeout: 25_000 }));
    for (const { stdout } of await Promise.all(runs)) expect(stdout.trim()).toBe("25");
    expect((await (await opened(dir)).getTable("docs"))?.epoch).toBe(1 + 3 * 25);
  });

  test("a file that is none, and a directory that cannot be, end in a sentence and exit 3", async () => {
    const dir = temporary();
    writeFileSync(join(dir, "text"), "this is not a database, but long enough to look like one".repeat(30));
    const location = { clusterName: "c", baseDir: dir, clock: new SimClock() };
    for (const path of ["text", "text/below"])
      await expect(openStateStore({ driver: "sqlite", path }, location)).rejects.toMatchObject({
        exitCode: 3,
        code: "state-unavailable",
        message: expect.stringContaining(join(dir, path)) as unknown,
      });
  });

  test("where the file lies", () => {
    expect(sqliteStatePath(undefined, { clusterName: "local", baseDir: "/x" })).toBe("/x/.ragctl/local.state.sqlite");
    expect(sqliteStatePath("s.db", { clusterName: "local", baseDir: "/x" })).toBe("/x/s.db");
    expect(stateBaseDir({ kind: "local", file: "/x/.ragctl/cluster.json" }, "/y")).toBe("/x");
    expect(stateBaseDir({ kind: "config", file: "/x/ragctl.config.yaml" }, "/y")).toBe("/x");
    expect(stateBaseDir({ kind: "flags" }, "/y")).toBe("/y");
  });
});

test("unmatchedIds: a before without its after, id and op both counting", () => {
  expect([
    ...unmatchedIds([
      { move: "m", kind: "before", id: 1, op: "a" },
      { move: "m", kind: "before", id: "1", op: "a" },
      { move: "m", kind: "before", id: 1, op: "b" },
      { move: "m", kind: "after", id: 1, op: "a" },
      { move: "m", kind: "after", id: 1, op: "b" },
      { move: "m", kind: "before", id: 2, op: "c" },
    ]),
  ]).toEqual(["1", 2]);
});
