import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { connect, RagctlError, type ConfigInput } from "../../src/index.ts";
import { packageRoot } from "../../src/version.ts";
import { freePort } from "../helpers/free-port.ts";
import { startNode, type TestNode } from "../helpers/node.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { clusteredVectors } from "../helpers/vectors.ts";

const size = 16;
const folder = mkdtempSync(join(tmpdir(), "ragctl-connect-"));
const redisBinary = serviceBinary("redis-server");
let nodes: TestNode[] = [];
let redis: ChildProcess | undefined;
let redisUrl = "";

beforeAll(async () => {
  nodes = await Promise.all([startNode(), startNode(), startNode()]);
  if (redisBinary) redisUrl = await startRedis(redisBinary);
}, 60_000);
afterAll(async () => {
  redis?.kill("SIGKILL");
  await Promise.all(nodes.map((node) => node.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function startRedis(binary: string): Promise<string> {
  const port = await freePort();
  redis = spawn(binary, ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--maxmemory-policy", "noeviction"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    redis!.once("exit", () => reject(new Error("redis-server ended")));
    redis!.stdout!.on("data", (text: Buffer) => text.includes("Ready to accept connections") && resolve());
  });
  return `redis://127.0.0.1:${port}`;
}

function config(state: NonNullable<ConfigInput["clusters"][string]["state"]>): ConfigInput {
  return {
    clusters: {
      app: {
        topology: "routed",
        store: { driver: "qdrant", timeout: "20s" },
        nodes: nodes.map(({ url }, index) => ({ id: `n${index + 1}`, url })),
        routing: { replicas: 2, hedge: "p95" },
        state,
      },
    },
  };
}

/** What an application does: writes, reads, loses a node, reads and writes on, and hears of it from a second client. */
async function life(options: { config: ConfigInput; cwd: string }, collection: string): Promise<void> {
  const [client, other] = [await connect(options), await connect(options)];
  const next = clusteredVectors({ size, clusters: 5, seed: 3 });
  const records = Array.from({ length: 100 }, (_, i) => ({ key: `doc ${i}`, vector: next(), payload: { i } }));
  const victim = nodes[1]!;
  try {
    expect(await client.ensureCollection(collection, { size, distance: "Cosine" })).toEqual({ created: true });
    expect((await client.upsert(collection, records)).failed).toEqual([]);
    expect(await other.count(collection)).toBe(100);
    const nearest = async () => {
      const { hits, partial } = await other.search(
        other.prepareSearch(collection, records[7]!.vector, { k: 3, withPayload: true }),
      );
      expect(partial).toBeUndefined();
      return hits[0]?.payload?.["i"];
    };
    expect(await nearest()).toBe(7);
    await victim.kill();
    for (let i = 0; i < 20; i++) expect(await nearest()).toBe(7);
    const result = await client.upsert(collection, records.slice(0, 50));
    expect([result.acknowledged.length, result.markedStale]).toEqual([50, ["n2"]]);
    expect((await other.table(collection))!.nodes["n2"]!.state).toBe("stale");
    expect((await other.fetch(collection, ["doc 3", "none"])).map(({ key }) => key)).toEqual(["doc 3"]);
    expect((await client.delete(collection, ["doc 3"])).acknowledged).toEqual(["doc 3"]);
    expect(await client.count(collection)).toBe(99);
  } finally {
    await Promise.all([client.close(), other.close()]);
    nodes[1] = await startNode({ dir: victim.dir, port: victim.port });
  }
}

describe("connect", () => {
  test("a config as a value, state in SQLite: the life of an application", { timeout: 120_000 }, async () => {
    await life({ config: config({ driver: "sqlite" }), cwd: folder }, "sqlite");
  });

  test.skipIf(!redisBinary)(`state in Redis: the same${skipReason("redis-server")}`, { timeout: 120_000 }, async () => {
    await life({ config: config({ driver: "redis", url: redisUrl }), cwd: folder }, "redis");
  });

  test("a config file, by name and by discovery; what is wrong says what to do", { timeout: 60_000 }, async () => {
    writeFileSync(join(folder, "ragctl.config.yaml"), stringify(config({ driver: "sqlite" })));
    for (const options of [{ cwd: folder }, { cwd: "/", config: join(folder, "ragctl.config.yaml") }]) {
      const client = await connect(options);
      expect(client.cluster.name).toBe("app");
      await client.close();
    }
    const wrong = { clusters: { app: { topology: "routed", nodes: [] } } } as unknown as ConfigInput;
    const error = await connect({ config: wrong }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(RagctlError);
    expect((error as RagctlError).details).toMatchObject([{ path: "clusters.app.store" }, { path: "clusters.app.nodes" }]);
    await expect(connect({ config: config({ driver: "sqlite" }), cluster: "prod" })).rejects.toMatchObject({
      code: "cluster-unknown",
    });
  });

  test.skipIf(!existsSync(join(packageRoot, "dist", "src", "index.js")))(
    "the built package, by its name, from a process that ends by itself once the client is closed",
    { timeout: 60_000 },
    () => {
      const script = `
        import { connect } from "ragctl";
        const client = await connect({ cwd: ${JSON.stringify(folder)} });
        console.log(JSON.stringify([client.cluster.name, await client.collections()]));
        await client.close();`;
      // The package refers to itself by its own exports.
      const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
        cwd: packageRoot,
        encoding: "utf8",
        timeout: 50_000,
      });
      expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
      expect(JSON.parse(stdout)[0]).toBe("app");
    },
  );
});
