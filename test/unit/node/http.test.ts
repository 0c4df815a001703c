import type { FastifyInstance } from "fastify";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Catalog } from "../../../src/node/catalog.ts";
import { openDatabase } from "../../../src/node/database.ts";
import { createServer } from "../../../src/node/server.ts";
import { realClock } from "../../../src/runtime.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

let server: FastifyInstance;
let dir: string;
let close: () => Promise<void>;

async function open(): Promise<void> {
  const db = openDatabase({ dir, fsync: false, pid: 1 });
  const catalog = new Catalog(db, dir, realClock);
  server = createServer({ catalog, clock: realClock, apiKey: undefined });
  close = async () => {
    catalog.indexer.close(0);
    await server.close();
    db.close();
  };
}

beforeEach(async () => {
  dir = tempDir();
  await open();
  onTestFinished(() => close());
});

async function call(method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH", url: string, body?: unknown) {
  const answer = await server.inject({
    method,
    url,
    ...(body !== undefined && { payload: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const parsed = answer.json();
  return { status: answer.statusCode, result: parsed.result, error: parsed.status.error as string | undefined };
}

const docs = "/collections/docs";
async function withPoints(points: object[], vectors: object = { size: 2, distance: "Dot" }) {
  await call("PUT", docs, { vectors });
  const { status } = await call("PUT", `${docs}/points?wait=true`, { points });
  expect(status).toBe(200);
}
const ids = (points: { id: unknown }[]) => points.map(({ id }) => id);

describe("searching", () => {
  it("scores and orders by distance: similarity falls, Euclidean distance grows", async () => {
    const points = [
      { id: 1, vector: [1, 0] },
      { id: 2, vector: [3, 4] },
      { id: 3, vector: [0, -2] },
    ];
    for (const [name, distance, expected] of [
      [
        "cos",
        "Cosine",
        [
          [1, 1],
          [2, 0.6],
          [3, 0],
        ],
      ],
      [
        "dot",
        "Dot",
        [
          [2, 3],
          [1, 1],
          [3, 0],
        ],
      ],
      [
        "euclid",
        "Euclid",
        [
          [1, 0],
          [3, Math.sqrt(5)],
          [2, Math.sqrt(20)],
        ],
      ],
    ] as const) {
      await call("PUT", `/collections/${name}`, { vectors: { size: 2, distance } });
      await call("PUT", `/collections/${name}/points`, { points });
      const { result } = await call("POST", `/collections/${name}/points/query`, { query: [1, 0] });
      expect(result.points.map(({ id, score }: any) => [id, score])).toEqual(
        expected.map(([id, score]) => [id, expect.closeTo(score, 5)]),
      );
      const old = await call("POST", `/collections/${name}/points/search`, { vector: [1, 0], limit: 2, offset: 1 });
      expect(old.result).toEqual(result.points.slice(1));
    }
  });

  it("by threshold, by point, in batches", async () => {
    await withPoints([1, 2, 3, 4].map((id) => ({ id, vector: [id, 0] })));
    const query = (body: object) => call("POST", `${docs}/points/query`, body);
    expect(ids((await query({ query: [1, 0], score_threshold: 2 })).result.points)).toEqual([4, 3]);
    expect(ids((await query({ query: 3 })).result.points)).toEqual([4, 2, 1]);
    expect(ids((await query({ query: { nearest: [1, 0] }, limit: 1 })).result.points)).toEqual([4]);
    expect((await query({ query: 99 })).status).toBe(404);
    const { result } = await call("POST", `${docs}/points/query/batch`, {
      searches: [
        { query: [1, 0], limit: 1 },
        { query: [-1, 0], limit: 1 },
      ],
    });
    expect(result.map(({ points }: any) => ids(points))).toEqual([[4], [1]]);
    const old = await call("POST", `${docs}/points/search/batch`, { searches: [{ vector: [-1, 0], limit: 1 }] });
    expect(old.result.map(ids)).toEqual([[1]]);
  });

  it("in named vectors, some of which a point may lack", async () => {
    await withPoints(
      [
        { id: 1, vector: { a: [1, 0], b: [1, 1, 1] } },
        { id: 2, vector: { a: [2, 0] } },
      ],
      { a: { size: 2, distance: "Dot" }, b: { size: 3, distance: "Euclid" } },
    );
    const by = (using: string, query: number[]) =>
      call("POST", `${docs}/points/query`, { query, using, with_vector: ["a"], with_payload: true });
    expect((await by("a", [1, 0])).result.points).toEqual([
      { id: 2, version: 1, score: 2, payload: {}, vector: { a: [2, 0] } },
      { id: 1, version: 1, score: 1, payload: {}, vector: { a: [1, 0] } },
    ]);
    expect(ids((await by("b", [0, 0, 0])).result.points)).toEqual([1]);
    expect((await by("c", [0])).error).toMatch(/Not existing vector name error: c/);
    expect((await call("POST", `${docs}/points/query`, { query: [1, 0] })).status).toBe(400);
    // An upsert replaces the point, its other vectors too.
    await call("PUT", `${docs}/points`, { points: [{ id: 1, vector: { a: [5, 0] } }] });
    expect((await by("b", [0, 0, 0])).result.points).toEqual([]);
  });
});

describe("scrolling", () => {
  it("pages in order of id, each point once", async () => {
    const uuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
    await withPoints([30, uuid, 4, 200].map((id) => ({ id, vector: [1, 0], payload: { n: typeof id } })));
    const pages: unknown[] = [];
    let offset: unknown;
    do {
      const { result } = await call("POST", `${docs}/points/scroll`, { limit: 3, offset, with_payload: false });
      pages.push(ids(result.points));
      offset = result.next_page_offset;
    } while (offset !== null);
    expect(pages).toEqual([[4, 30, 200], [uuid]]);
    const numbers = await call("POST", `${docs}/points/scroll`, {
      filter: { must: { key: "n", match: { value: "number" } } },
      limit: 2,
    });
    expect(numbers.result).toMatchObject({ points: [{ id: 4 }, { id: 30 }], next_page_offset: 200 });
  });

  it("by a payload field, once that has an index", async () => {
    await withPoints([
      { id: 1, vector: [1, 0], payload: { n: 5 } },
      { id: 2, vector: [1, 0], payload: { n: [9, 1] } },
      { id: 3, vector: [1, 0], payload: { n: "x" } },
      { id: 4, vector: [1, 0], payload: { n: 5 } },
    ]);
    const scroll = (order_by: unknown) => call("POST", `${docs}/points/scroll`, { order_by, with_payload: false });
    expect(await scroll("n")).toMatchObject({ status: 400, error: expect.stringMatching(/No range index/) as string });
    await call("PUT", `${docs}/index`, { field_name: "n", field_schema: "integer" });
    const values = (answer: any) => answer.result.points.map(({ id, order_value }: any) => [id, order_value]);
    expect(values(await scroll("n"))).toEqual([
      [2, 1],
      [1, 5],
      [4, 5],
      [2, 9],
    ]);
    expect(values(await scroll({ key: "n", direction: "desc", start_from: 5 }))).toEqual([
      [1, 5],
      [4, 5],
      [2, 1],
    ]);
  });
});

describe("payloads", () => {
  const payloadOf = async (id: number) => (await call("GET", `${docs}/points/${id}`)).result.payload;
  beforeEach(() => withPoints([1, 2, 3].map((id) => ({ id, vector: [1, id], payload: { n: id, keep: { a: 1, b: 2 } } }))));

  it("are merged, replaced, thinned and cleared, by ids or filter", async () => {
    await call("POST", `${docs}/points/payload`, { payload: { n: 10 }, points: [1] });
    expect(await payloadOf(1)).toEqual({ n: 10, keep: { a: 1, b: 2 } });
    await call("PUT", `${docs}/points/payload`, { payload: { only: 1 }, filter: { must: { key: "n", range: { lt: 3 } } } });
    expect([await payloadOf(1), await payloadOf(2)]).toEqual([{ n: 10, keep: { a: 1, b: 2 } }, { only: 1 }]);
    await call("POST", `${docs}/points/payload/delete`, { keys: ["keep.a", "n"], points: [3] });
    expect(await payloadOf(3)).toEqual({ keep: { b: 2 } });
    await call("POST", `${docs}/points/payload/clear`, { points: [3] });
    expect(await payloadOf(3)).toEqual({});
    expect(await call("POST", `${docs}/points/payload`, { payload: { n: 1 }, points: [1, 77] })).toMatchObject({
      status: 404,
      error: "Not found: No point with id 77 found",
    });
    expect(await payloadOf(1)).toMatchObject({ n: 1 });
  });

  it("have indexes that follow every change, and a restart", async () => {
    await call("PUT", `${docs}/index`, { field_name: "n", field_schema: { type: "integer", lookup: true } });
    const count = async (n: number) =>
      (await call("POST", `${docs}/points/count`, { filter: { must: { key: "n", match: { value: n } } } })).result.count;
    await call("POST", `${docs}/points/payload`, { payload: { n: 7 }, points: [1, 2] });
    expect([await count(1), await count(7), await count(3)]).toEqual([0, 2, 1]);
    await call("POST", `${docs}/points/delete`, { points: [2] });
    await call("PUT", `${docs}/points`, { points: [{ id: 3, vector: [0, 1] }] });
    expect([await count(7), await count(3)]).toEqual([1, 0]);
    await close();
    await open();
    expect([await count(7), await count(3)]).toEqual([1, 0]);
    expect((await call("GET", docs)).result.payload_schema).toEqual({
      n: { data_type: "integer", params: { type: "integer", lookup: true }, points: 1 },
    });
    await call("DELETE", `${docs}/index/n`);
    expect(await count(7)).toBe(1);
    expect((await call("GET", docs)).result.payload_schema).toEqual({});
  });
});

describe("a restart", () => {
  it("keeps points, versions, aliases, and uses the labels of deleted points again", async () => {
    await withPoints([1, 2, 3, 4].map((id) => ({ id, vector: [id, 0] })));
    await call("POST", `${docs}/points/delete`, { filter: { must: { has_id: [2, 3] } } });
    await call("POST", "/collections/aliases", { actions: [{ create_alias: { alias_name: "now", collection_name: "docs" } }] });
    await close();
    await open();
    for (const [first, second] of [
      [7, 8],
      [9, 10],
    ] as const)
      await call("PUT", "/collections/now/points", {
        points: [
          { id: first, vector: [first, 0] },
          { id: second, vector: [second, 0] },
        ],
      });
    await close();
    await open();
    const { result } = await call("POST", "/collections/now/points/query", { query: [1, 0] });
    expect(result.points.map(({ id, version, score }: any) => [id, version, score])).toEqual([
      [10, 4, 10],
      [9, 4, 9],
      [8, 3, 8],
      [7, 3, 7],
      [4, 1, 4],
      [1, 1, 1],
    ]);
    expect((await call("POST", `${docs}/points/scroll`, {})).result.points).toHaveLength(6);
  });

  it("forgets a deleted collection, also one that is made anew under its name", async () => {
    await withPoints([{ id: 1, vector: [1, 0] }]);
    expect((await call("DELETE", docs)).result).toBe(true);
    expect((await call("DELETE", docs)).result).toBe(false);
    await call("PUT", docs, { vectors: { size: 3, distance: "Dot" } });
    await close();
    await open();
    expect((await call("POST", `${docs}/points/count`, {})).result).toEqual({ count: 0 });
    expect((await call("GET", docs)).result.config.params.vectors).toEqual({ size: 3, distance: "Dot" });
  });
});

describe("aliases", () => {
  it("switch all at once, or not at all", async () => {
    for (const name of ["blue", "green"]) await call("PUT", `/collections/${name}`, { vectors: { size: 1, distance: "Dot" } });
    const change = (...actions: object[]) => call("POST", "/collections/aliases", { actions });
    const create = (collection_name: string, alias_name = "live") => ({ create_alias: { collection_name, alias_name } });
    const live = async () => (await call("GET", "/aliases")).result.aliases;
    await change(create("blue"));
    await change({ delete_alias: { alias_name: "live" } }, create("green"));
    expect(await live()).toEqual([{ alias_name: "live", collection_name: "green" }]);
    expect((await change(create("blue"), create("nowhere", "other"))).status).toBe(404);
    expect((await change(create("blue", "green"))).status).toBe(409);
    expect(await live()).toEqual([{ alias_name: "live", collection_name: "green" }]);
    await change({ rename_alias: { old_alias_name: "live", new_alias_name: "later" } });
    expect((await call("GET", "/collections/green/aliases")).result.aliases).toEqual([
      { alias_name: "later", collection_name: "green" },
    ]);
    expect((await call("GET", "/collections/live")).status).toBe(404);
    expect((await call("PUT", "/collections/later", { vectors: { size: 1, distance: "Dot" } })).status).toBe(409);
    await call("DELETE", "/collections/green");
    expect(await live()).toEqual([]);
  });
});

describe("refusals", () => {
  beforeEach(() => withPoints([{ id: 1, vector: [1, 0] }]));
  const query = { query: [1, 0] };
  it.each<[number, "GET" | "POST" | "PUT" | "DELETE" | "PATCH", string, unknown?]>([
    [404, "GET", "/collections/nowhere"],
    [404, "POST", "/collections/nowhere/points/query", query],
    [404, "GET", `${docs}/points/5`],
    [404, "GET", "/nowhere"],
    [409, "PUT", docs, { vectors: { size: 2, distance: "Dot" } }],
    [400, "PUT", "/collections/new", { vectors: { size: 2, distance: "Nearby" } }],
    [422, "PUT", "/collections/new", { vectors: { size: 0, distance: "Dot" } }],
    [422, "PUT", "/collections/a%2Fb", { vectors: { size: 2, distance: "Dot" } }],
    [501, "PUT", "/collections/new", { vectors: { size: 2, distance: "Manhattan" } }],
    [501, "PUT", "/collections/new", { vectors: { size: 2, distance: "Dot" }, sparse_vectors: { s: {} } }],
    [400, "PUT", "/collections/new", { vectors: { size: 2, distance: "Dot" }, quantization_config: "scalar" }],
    [501, "PUT", "/collections/new", { vectors: { size: 2, distance: "Dot" }, shard_number: 3 }],
    [501, "PUT", "/collections/new", { vectors: { size: 2, distance: "Dot", multivector_config: { comparator: "max_sim" } } }],
    [501, "PATCH", docs, { optimizers_config: {} }],
    [400, "POST", `${docs}/points/query`, { query: [1, 0, 0] }],
    [400, "POST", `${docs}/points/query`, { ...query, using: "text" }],
    [422, "POST", `${docs}/points/query`, { ...query, limit: 0 }],
    [400, "POST", `${docs}/points/query`, { ...query, limit: "3" }],
    [400, "POST", `${docs}/points/query`, { ...query, filter: { must: { key: 1 } } }],
    [501, "POST", `${docs}/points/query`, { ...query, prefetch: [{ query: [1, 0] }] }],
    [501, "POST", `${docs}/points/query`, { ...query, lookup_from: { collection: "docs" } }],
    [501, "POST", `${docs}/points/query`, { ...query, shard_key: "a" }],
    [501, "POST", `${docs}/points/query`, { ...query, limitt: 3 }],
    [501, "POST", `${docs}/points/query`, { ...query, params: { idf: {} } }],
    [501, "POST", `${docs}/points/query`, { query: { fusion: "rrf" } }],
    [501, "POST", `${docs}/points/query`, { query: { nearest: [1, 0], mmr: {} } }],
    [501, "POST", `${docs}/points/query`, { limit: 3 }],
    [501, "POST", `${docs}/points/query/groups`, { ...query, group_by: "a" }],
    [501, "POST", `${docs}/points/recommend`, { positive: [1] }],
    [501, "POST", `${docs}/facet`, { key: "a" }],
    [501, "POST", `${docs}/snapshots`],
    [501, "POST", `${docs}/cluster`, { move_shard: {} }],
    [400, "PUT", `${docs}/points`, { points: [{ id: 2 }] }],
    [400, "PUT", `${docs}/points`, { points: [{ id: 2, vector: [1] }] }],
    [400, "PUT", `${docs}/points`, { points: [{ id: 2, vector: { text: [1, 0] } }] }],
    [501, "PUT", `${docs}/points`, { points: [{ id: 2, vector: [[1, 0]] }] }],
    [501, "PUT", `${docs}/points`, { points: [{ id: 2, vector: [1, 0] }], update_mode: "insert_only" }],
    [400, "PUT", `${docs}/points`, { batch: { ids: [2, 3], vectors: [[1, 0]] } }],
    [400, "POST", `${docs}/points/delete`, {}],
    [400, "POST", `${docs}/points/payload`, { points: [1] }],
    [501, "POST", `${docs}/points/payload`, { payload: {}, points: [1], key: "a.b" }],
    [501, "PUT", `${docs}/index`, { field_name: "t", field_schema: "text" }],
    [400, "POST", `${docs}/points/scroll`, { order_by: "n", offset: 1 }],
  ])("%i: %s %s %j", async (status, method, url, body) => {
    const answer = await call(method, url, body);
    expect(answer).toMatchObject({ status, result: undefined, error: expect.stringMatching(/\w+ \w+/) as string });
    // Nothing of a refused request was carried out.
    expect((await call("POST", `${docs}/points/count`, {})).result).toEqual({ count: 1 });
  });

  it("of bodies that are no JSON, empty or too large", async () => {
    const post = async (payload: string) =>
      (await server.inject({ method: "POST", url: `${docs}/points/query`, payload })).statusCode;
    expect(await post("{")).toBe(400);
    expect(await post("")).toBe(400);
    expect(await post("[1]")).toBe(400);
    expect(await post(" ".repeat(33 * 1024 * 1024))).toBe(413);
  });
});
