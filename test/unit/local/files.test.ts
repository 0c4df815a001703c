import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { configSchema } from "../../../src/config/schema.ts";
import { clusterDocument } from "../../../src/local/cluster-file.ts";
import { layoutOf, socketPathOf } from "../../../src/local/layout.ts";
import { firstPortOf, freePorts, takenPorts } from "../../../src/local/ports.ts";
import { findOnPath, programsOf, proxiesOf } from "../../../src/local/programs.ts";
import { readSpec, writeSpec, type LocalSpec } from "../../../src/local/spec.ts";
import { withJoining } from "../../../src/local/tables.ts";
import type { RoutingTable } from "../../../src/sharding/index.ts";
import { temporaryDir } from "../faults/helpers.ts";

const spec: LocalSpec = {
  schemaVersion: 1,
  clusterId: "c1",
  engine: "embedded",
  replicas: 2,
  zones: ["a", "b"],
  nodes: [
    { id: "n1", port: 7001, zone: "a" },
    { id: "n2", port: 7002, zone: "b", morePorts: [8002] },
  ],
  cache: { driver: "redis", port: 7100, binary: "/usr/bin/redis-server" },
};

test("the cluster file is a config file: the same schema takes it", () => {
  const { clusters, default: name } = configSchema.parse(clusterDocument(spec));
  expect(name).toBe("local");
  expect(clusters["local"]).toMatchObject({
    topology: "routed",
    nodes: [
      { id: "n1", url: "http://127.0.0.1:7001", zone: "a" },
      { id: "n2", url: "http://127.0.0.1:7002", zone: "b" },
    ],
    routing: { replicas: 2 },
    cache: { driver: "redis", url: "redis://127.0.0.1:7100" },
    embedder: { driver: "hashing", dim: 384 },
    objectives: { p99: 100, errorRate: 0.001 },
  });
});

test("each zone after the first has a Redis of its own, with a process and a proxy", () => {
  const zoned: LocalSpec = {
    ...spec,
    cache: { driver: "redis", port: 7100, ownPort: 7101, binary: "redis-server", zones: { b: { port: 7200, ownPort: 7201 } } },
  };
  expect(configSchema.parse(clusterDocument(zoned)).clusters["local"]!.cache).toMatchObject({
    url: "redis://127.0.0.1:7100",
    zones: { b: { url: "redis://127.0.0.1:7200" } },
  });
  const caches = programsOf(zoned, layoutOf("/w"), "/usr/bin/node").filter(({ role }) => role === "cache");
  expect(caches.map(({ id, url, cwd }) => [id, url, cwd])).toEqual([
    ["cache", "redis://127.0.0.1:7101", "/w/.ragctl/cache"],
    ["cache-b", "redis://127.0.0.1:7201", "/w/.ragctl/cache/cache-b"],
  ]);
  expect(proxiesOf(zoned).map(({ name, port, upstreamPort }) => [name, port, upstreamPort])).toEqual([
    ["cache", 7100, 7101],
    ["cache-b", 7200, 7201],
  ]);
});

test("what up wrote is read back; a broken file is exit 2 with the way out", () => {
  const path = join(temporaryDir(), "local.json");
  expect(readSpec(path)).toBeUndefined();
  writeSpec(path, spec);
  expect(readSpec(path)).toEqual(spec);
  writeFileSync(path, '{"schemaVersion": 2}');
  expect(() => readSpec(path)).toThrow(expect.objectContaining({ exitCode: 2, hint: expect.stringContaining("down --delete") }));
});

describe("the supervisor's socket", () => {
  test("lies beside the files while the path is short enough for a socket", () => {
    expect(socketPathOf("/home/me/.ragctl", "/tmp")).toBe("/home/me/.ragctl/supervisor.sock");
  });
  test("and in the temporary directory otherwise, by bytes, under a name of its own", () => {
    const deep = `/home/${"ä".repeat(50)}/.ragctl`;
    expect(socketPathOf(deep, "/tmp")).toMatch(/^\/tmp\/ragctl-[0-9a-f]{16}\.sock$/);
    expect(socketPathOf(deep, "/tmp")).not.toBe(socketPathOf(`${deep}2`, "/tmp"));
  });
});

test("free ports are distinct and nobody's; a taken one is found out", async () => {
  const [port] = (await freePorts(1, 32_767)) as [number];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  expect(await takenPorts([port])).toEqual([port]);
  // Past the highest it begins again with the lowest, and passes over what is taken.
  const ports = await freePorts(20, port);
  expect(new Set(ports).size).toBe(20);
  expect(ports).not.toContain(port);
  for (const each of ports) expect(each).toSatisfy((one: number) => one >= 10_240 && one < 32_768);
});

test("processes look in places of their own", () => {
  expect([0, 1, 351, 352, 4_194_304].map(firstPortOf)).toEqual([10_240, 10_304, 32_704, 10_240, 10_240 + 64 * (4_194_304 % 352)]);
});

describe("programs", () => {
  test("one a node, and the cache", () => {
    const programs = programsOf(spec, layoutOf("/w"), "/usr/bin/node");
    expect(programs.map(({ id, role, url }) => [id, role, url])).toEqual([
      ["n1", "node", "http://127.0.0.1:7001"],
      ["n2", "node", "http://127.0.0.1:7002"],
      ["cache", "cache", "redis://127.0.0.1:7100"],
    ]);
    expect(programs[0]!.args.slice(1)).toEqual(["--port", "7001", "--host", "127.0.0.1", "--dir", "/w/.ragctl/nodes/n1"]);
    expect(programs[2]).toMatchObject({ command: "/usr/bin/redis-server", cwd: "/w/.ragctl/cache" });
  });
  test("Qdrant takes ports and paths from its environment", () => {
    const [, second] = programsOf({ ...spec, engine: "qdrant", engineBinary: "/opt/qdrant" }, layoutOf("/w"), "/usr/bin/node");
    expect(second).toMatchObject({
      command: "/opt/qdrant",
      args: [],
      env: {
        QDRANT__SERVICE__HTTP_PORT: "7002",
        QDRANT__SERVICE__GRPC_PORT: "8002",
        QDRANT__STORAGE__STORAGE_PATH: "/w/.ragctl/nodes/n2/storage",
      },
    });
  });
  test("PATH is searched in order, for what can be run", () => {
    const [first, second] = [join(temporaryDir(), "a"), join(temporaryDir(), "b")];
    for (const dir of [first, second]) mkdirSync(dir);
    mkdirSync(join(first, "qdrant"));
    writeFileSync(join(second, "qdrant"), "");
    expect(findOnPath("qdrant", `${first}:${second}`)).toBeUndefined();
    chmodSync(join(second, "qdrant"), 0o755);
    expect(findOnPath("qdrant", `:${first}:/none:${second}`)).toBe(join(second, "qdrant"));
    expect(findOnPath("qdrant", undefined)).toBeUndefined();
  });
});

test("new nodes join a table owning nothing; again, the table stays as it is", () => {
  const table: RoutingTable = {
    schemaVersion: 1,
    collection: "docs",
    epoch: 4,
    partitioner: { kind: "ring", virtualNodes: 150, hash: "xxh32" },
    replicas: 2,
    members: ["n1"],
    nodes: { n1: { url: "http://n1", weight: 1, state: "stale" } },
    moves: [],
    vector: { size: 8, distance: "Cosine" },
  };
  const added = { n1: { url: "http://other", weight: 1 }, n2: { url: "http://n2", weight: 1, zone: "b" } };
  const next = withJoining(table, added)!;
  expect(next).toEqual({
    ...table,
    epoch: 5,
    nodes: { ...table.nodes, n2: { url: "http://n2", weight: 1, zone: "b", state: "joining" } },
  });
  expect(next.members).toEqual(["n1"]);
  expect(withJoining(next, added)).toBeUndefined();
});
