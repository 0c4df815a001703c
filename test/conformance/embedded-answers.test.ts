import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { samplePoints } from "./dataset.ts";
import { judgingProxy, type JudgingProxy } from "./judging-proxy.ts";
import { startNode, type TestNode } from "../helpers/node.ts";

/**
 * What the embedded node answers beyond what the driver asks: each answer is held against Qdrant's OpenAPI file, by the
 * proxy. What the node does not implement must be 501 with a sentence.
 */
describe("the embedded node's answers", () => {
  const points = samplePoints(12);
  const vector = points[0]!.vector;
  let node: TestNode;
  let proxy: JudgingProxy;

  beforeAll(async () => {
    node = await startNode();
    proxy = await judgingProxy(node.url, true);
    await call("PUT", "/collections/docs", { vectors: { size: vector.length, distance: "Cosine" } });
    await call("PUT", "/collections/docs/index?wait=true", { field_name: "n", field_schema: "integer" });
    await call("PUT", "/collections/docs/points?wait=true", { points });
    await call("PUT", "/collections/named", { vectors: { text: { size: 2, distance: "Dot", hnsw_config: { m: 8 } } } });
    await call("POST", "/collections/aliases", {
      actions: [{ create_alias: { alias_name: "current", collection_name: "docs" } }],
    });
    expect(proxy.findings()).toEqual([]);
  });
  afterAll(async () => {
    await proxy?.close();
    await node?.stop();
  });

  async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
    const response = await fetch(proxy.url + path, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    return { status: response.status, body: response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text };
  }

  const docs = "/collections/docs";
  const filter = { must: [{ key: "n", range: { lt: 3 } }] };
  it.each<[string, string, unknown?]>([
    ["GET", "/"],
    ["GET", "/healthz"],
    ["GET", "/livez"],
    ["GET", "/readyz"],
    ["GET", "/metrics"],
    ["GET", "/telemetry"],
    ["GET", "/telemetry?details_level=3"],
    ["GET", "/cluster"],
    ["GET", "/collections"],
    ["GET", docs],
    ["GET", "/collections/named"],
    ["GET", `${docs}/exists`],
    ["GET", "/collections/nowhere/exists"],
    ["GET", "/aliases"],
    ["GET", `${docs}/aliases`],
    ["GET", `${docs}/points/1`],
    ["POST", `${docs}/points`, { ids: [1, points[2]!.id], with_vector: true }],
    ["POST", `${docs}/points/scroll`, { limit: 3, filter, with_payload: { include: ["n"] }, with_vector: true }],
    ["POST", `${docs}/points/scroll`, { limit: 3, order_by: "n" }],
    ["POST", `${docs}/points/scroll`, { limit: 3, order_by: { key: "n", direction: "desc" } }],
    ["POST", `${docs}/points/count`, { filter }],
    ["POST", `${docs}/points/count`, {}],
    ["POST", `${docs}/points/query`, { query: vector, limit: 2 }],
    ["POST", `${docs}/points/query`, { query: vector, limit: 2, with_payload: true, with_vector: true, params: { hnsw_ef: 64 } }],
    ["POST", "/collections/current/points/query", { query: { nearest: vector }, limit: 2, filter }],
    ["PUT", `${docs}/points?wait=false`, { points: points.slice(0, 1) }],
    ["PUT", `${docs}/points?wait=true`, { batch: { ids: [1], vectors: [vector], payloads: [{ n: 0 }] } }],
    ["POST", `${docs}/points/payload?wait=true`, { payload: { x: 1 }, points: [1] }],
    ["POST", `${docs}/points/delete?wait=true`, { points: [12] }],
    ["PUT", `${docs}/points/payload?wait=true`, { payload: { x: 1 }, points: [1] }],
    ["POST", `${docs}/points/payload/delete?wait=true`, { keys: ["x"], points: [1] }],
    ["POST", `${docs}/points/payload/clear?wait=true`, { points: [1] }],
    [
      "POST",
      `${docs}/points/query/batch`,
      {
        searches: [
          { query: vector, limit: 1 },
          { query: vector, limit: 2, filter },
        ],
      },
    ],
    ["GET", `${docs}/cluster`],
    ["DELETE", `${docs}/index/n?wait=true`],
    ["PUT", "/collections/named/points?wait=true", { points: [{ id: 1, vector: { text: [1, 2] } }] }],
    ["POST", "/collections/named/points/query", { query: [1, 2], using: "text", with_vector: ["text"] }],
    ["DELETE", "/collections/named"],
    ["DELETE", "/collections/named"],
  ])("%s %s is answered, as described", async (method, path, body) => {
    const answer = await call(method, path, body);
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200 });
    expect(proxy.findings()).toEqual([]);
  });

  it.each<[number, string, string, unknown?]>([
    [404, "GET", "/collections/nowhere"],
    [404, "GET", `${docs}/points/4711`],
    [409, "PUT", docs, { vectors: { size: 3, distance: "Dot" } }],
    [400, "POST", `${docs}/points/query`, { query: [1, 2], limit: 2 }],
    [400, "PUT", `${docs}/points`, { points: [{ id: 1, vector: [1] }] }],
  ])("%i to %s %s, in Qdrant's shape", async (status, method, path, body) => {
    const answer = await call(method, path, body);
    expect(answer).toMatchObject({ status, body: { status: { error: expect.stringMatching(/\w+/) as string } } });
    expect(proxy.findings()).toEqual([]);
  });

  // Requests that are Qdrant's, so that a silent wrong answer would go unnoticed.
  it.each<[string, string, unknown?]>([
    ["POST", `${docs}/points/query`, { query: { recommend: { positive: [1] } }, limit: 2 }],
    ["POST", `${docs}/points/query`, { query: { fusion: "rrf" }, prefetch: [{ query: vector }], limit: 2 }],
    ["POST", `${docs}/points/query`, { query: vector, filter: { must: [{ key: "n", values_count: { gt: 1 } }] } }],
    ["POST", `${docs}/points/query`, { query: vector, filter: { min_should: { conditions: [{ has_id: [1] }], min_count: 1 } } }],
    ["POST", `${docs}/points/query/groups`, { query: vector, group_by: "group" }],
    ["POST", `${docs}/facet`, { key: "group" }],
    ["POST", `${docs}/snapshots`],
    ["PUT", "/collections/many", { vectors: { size: 4, distance: "Dot", multivector_config: { comparator: "max_sim" } } }],
    ["PUT", "/collections/sparse", { sparse_vectors: { words: {} } }],
    ["PUT", "/collections/manhattan", { vectors: { size: 4, distance: "Manhattan" } }],
    ["POST", `${docs}/cluster`, { move_shard: { shard_id: 0, from_peer_id: 1, to_peer_id: 2 } }],
  ])("%s %s with what it cannot do: 501 and a sentence", async (method, path, body) => {
    const answer = await call(method, path, body);
    expect(answer).toMatchObject({ status: 501, body: { status: { error: expect.stringMatching(/\w+ \w+/) as string } } });
  });
});
