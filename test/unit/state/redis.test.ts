import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { realClock } from "../../../src/runtime.ts";
import { openStateStore, type StateStore } from "../../../src/state/index.ts";
import { serviceBinary, skipReason } from "../../helpers/service.ts";
import { stateConformance } from "./conformance.ts";

const binary = serviceBinary("redis-server");

describe.skipIf(!binary)(`a real Redis${skipReason("redis-server")}`, () => {
  const dir = mkdtempSync(join(tmpdir(), "ragctl-redis-"));
  const open: StateStore[] = [];
  let server: ChildProcess;
  let url = "";
  let clusters = 0;

  beforeAll(async () => {
    const port = await freePort();
    url = `redis://127.0.0.1:${port}`;
    server = spawn(binary!, ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--save", ""], { stdio: "ignore" });
    await answers(url);
  });
  afterAll(async () => {
    await Promise.all(open.map((store) => store.close()));
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await ended;
    rmSync(dir, { recursive: true });
  });

  const opened = async (clusterName: string) => {
    const store = await openStateStore({ driver: "redis", url }, { clusterName, baseDir: dir, clock: realClock });
    open.push(store);
    return store;
  };

  stateConformance("Redis", async () => {
    const name = `c${clusters++}`;
    return { store: await opened(name), other: () => opened(name), pass: (ms) => realClock.sleep(ms) };
  });

  test("clusters do not see each other", async () => {
    const one = await opened("one");
    await one.acquireLock("l", { pid: 1, startTime: "", host: "h", purpose: "p" }, 60_000);
    expect(await (await opened("two")).locks()).toEqual([]);
  });

  test("one that may evict is refused, exit 2", async () => {
    const store = await opened("three");
    const { Redis } = await import("ioredis");
    const redis = new Redis(url);
    await redis.config("SET", "maxmemory-policy", "allkeys-lru");
    await expect(opened("three")).rejects.toMatchObject({ exitCode: 2, code: "state-evicts" });
    await redis.config("SET", "maxmemory-policy", "noeviction");
    redis.disconnect();
    await store.close();
  });
});

test("a Redis that is not there ends in a sentence and exit 3", async () => {
  const url = `redis://:secret@127.0.0.1:${await freePort()}`;
  const opening = openStateStore({ driver: "redis", url }, { clusterName: "c", baseDir: "/", clock: realClock });
  const error = await opening.catch((caught: unknown) => caught);
  expect(error).toMatchObject({ exitCode: 3, code: "state-unavailable" });
  expect(String(error)).not.toContain("secret");
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(url: string): Promise<void> {
  const { Redis } = await import("ioredis");
  for (let attempt = 0; attempt < 200; attempt++) {
    const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    redis.on("error", () => undefined);
    const up = await redis.connect().then(
      () => true,
      () => false,
    );
    redis.disconnect();
    if (up) return;
    await realClock.sleep(50);
  }
  throw new Error("redis-server did not start");
}
