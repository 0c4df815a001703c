import { expect, it } from "vitest";
import { runCli } from "../helpers/fake-runtime.ts";
import { QdrantStandIn } from "../helpers/qdrant-cluster.ts";
import { tempDir } from "../helpers/temp-dir.ts";

it("status of a native cluster: what each node holds itself, and dead replicas as its problem", async () => {
  const cluster = await QdrantStandIn.start({
    peers: 3,
    shards: [
      [0, 1],
      [1, 2],
      [0, 2],
    ],
    points: [100, 200, 400],
    replicationFactor: 2,
  });
  try {
    const nodes = cluster.peers.map(({ url }, at) => ({ id: `q${at + 1}`, url }));
    const config = {
      clusters: { prod: { topology: "native", store: { driver: "qdrant", collection: "docs" }, nodes } },
      default: "prod",
    };
    const cwd = tempDir({ "ragctl.config.json": JSON.stringify(config) });
    const status = async () => {
      const { exitCode, json } = await runCli(["status", "--json"], { cwd });
      const { nodes: rows, collections } = json().result;
      return { exitCode, collections, nodes: rows.map((row: any) => [row.id, row.health, row.points, row.problem]) };
    };
    expect(await status()).toMatchObject({
      exitCode: 0,
      collections: [{ name: "docs", copies: 1400, routed: false }],
      nodes: [
        ["q1", "healthy", 500, null],
        ["q2", "healthy", 300, null],
        ["q3", "healthy", 600, null],
      ],
    });
    cluster.setState(1, 1, "Dead");
    cluster.setState(0, 1, "Dead");
    expect((await status()).nodes[1]).toEqual(["q2", "degraded", 300, "its replicas of docs shard 0, 1 are dead"]);
    await cluster.kill(2);
    expect((await status()).nodes[2].slice(0, 3)).toEqual(["q3", "dead", null]);
    const { stdout } = await runCli(["status"], { cwd });
    expect(stdout).toContain("its replicas of docs shard 0, 1 are dead");
  } finally {
    await cluster.stop();
    expect(cluster.findings).toEqual([]);
  }
});
