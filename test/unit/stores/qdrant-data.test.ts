import { describe, expect, it } from "vitest";
import type { PreparedRequest } from "../../../src/http/contract.ts";
import type { DataFace, Filter, Point, SearchOptions } from "../../../src/stores/contract.ts";
import { storeDrivers } from "../../../src/stores/index.ts";
import { validateRequest } from "../../helpers/openapi.ts";

const { qdrant } = storeDrivers;
const uuid = "c0ffee00-0000-4000-8000-00000000abcd";
const filter: Filter = {
  must: [{ key: "a", match: { value: true } }, { key: "h", range: { gte: 0, lt: 2 ** 31 } }, { should: [{ has_id: [1, uuid] }] }],
  should: [{ key: "b", match: { any: ["x", "y"] } }, { is_empty: { key: "c" } }],
  must_not: [{ key: "d", match: { except: [1, 2] } }],
};

/** The options' every value, alone and all together. */
const searchOptions: SearchOptions[] = [
  { k: 10 },
  { k: 1, filter },
  { k: 1, withPayload: true },
  { k: 1, withPayload: ["a", "b"] },
  { k: 1, withVector: true },
  { k: 1, ef: 64 },
  { k: 1, exact: true },
  { k: 1, scoreThreshold: -0.5 },
  { k: 100, filter, withPayload: ["a"], withVector: true, ef: 32, exact: false, scoreThreshold: 0 },
];
const targets: Parameters<DataFace["prepareDelete"]>[0][] = [{ ids: [1, uuid] }, { ids: [] }, { filter }];

const waits = targets.flatMap((target) => [[true, target] as const, [false, target] as const]);

/** Every request that the driver can make. */
function everyRequest(data: DataFace): PreparedRequest[] {
  const vector = [0.5, -0.25];
  const points: Point[] = [
    { id: 0, vector },
    { id: 2 ** 53 - 1, vector: Float32Array.of(0.1, 2), payload: {} },
    { id: uuid, vector, payload: { deep: { list: [1, null, "ü"] } } },
  ];
  return [
    ...searchOptions.flatMap((options) => [
      data.prepareSearch(vector, options),
      data.prepareSearch(Float32Array.from(vector), options),
    ]),
    ...[true, false].flatMap((wait) => [data.prepareUpsert(points, { wait }), data.prepareUpsert([], { wait })]),
    ...waits.map(([wait, target]) => data.prepareDelete(target, { wait })),
    ...waits.map(([wait, target]) => data.prepareSetPayload(target, { a: 1 }, { wait })),
    ...[true, false, ["a"]].flatMap((withPayload) => [
      data.prepareFetch([1, uuid], { withPayload, withVector: true }),
      data.prepareScroll({ limit: 5, withPayload, withVector: false }),
    ]),
    data.prepareFetch([], {}),
    data.prepareCount(),
    data.prepareCount(filter),
    data.prepareScroll({ limit: 1 }),
    data.prepareScroll({ limit: 1, filter, offset: 0, withVector: true }),
    data.prepareScroll({ limit: 1, offset: uuid }),
  ];
}

function sent(request: PreparedRequest): any {
  return JSON.parse(request.body!.toString());
}

describe("every request", () => {
  it.each([
    ["the unnamed vector", qdrant.data("docs")],
    ["a named vector", qdrant.data("docs", "text")],
    ["names that need encoding", qdrant.data("a b/ü?", `q"uo\\te`)],
  ])("of %s is what Qdrant's API file describes", (_what, data) => {
    const requests = everyRequest(data);
    expect(requests.length).toBeGreaterThan(40);
    for (const request of requests) {
      const findings = validateRequest(request.method, request.path, sent(request));
      expect(findings, `${request.method} ${request.path} ${request.body!.toString()}`).toEqual([]);
    }
  });

  it("says whether it may be sent again: reads alone", () => {
    const writes = everyRequest(qdrant.data("docs")).filter((request) => request.kind === "write");
    expect(new Set(writes.map((request) => `${request.method} ${request.path.split("?")[0]}`))).toEqual(
      new Set(["PUT /collections/docs/points", "POST /collections/docs/points/delete", "POST /collections/docs/points/payload"]),
    );
  });
});

describe("a request", () => {
  const data = qdrant.data("docs", "text");

  it("to search", () => {
    const request = data.prepareSearch(Float32Array.of(0.5, 1), {
      k: 3,
      filter: { must: [{ has_id: [1] }] },
      ef: 64,
      withVector: true,
    });
    expect(request).toMatchObject({ method: "POST", path: "/collections/docs/points/query", kind: "read" });
    expect(sent(request)).toEqual({
      query: [0.5, 1],
      limit: 3,
      filter: { must: [{ has_id: [1] }] },
      params: { hnsw_ef: 64 },
      with_payload: false,
      with_vector: ["text"],
      using: "text",
    });
  });

  it("to upsert", () => {
    const request = data.prepareUpsert([{ id: 1, vector: Float32Array.of(1, 2), payload: { 'ü"': 1 } }], { wait: true });
    expect(request.path).toBe("/collections/docs/points?wait=true");
    expect(sent(request)).toEqual({ points: [{ id: 1, vector: { text: [1, 2] }, payload: { 'ü"': 1 } }] });
    expect(sent(qdrant.data("docs").prepareUpsert([{ id: uuid, vector: [1] }], { wait: false }))).toEqual({
      points: [{ id: uuid, vector: [1] }],
    });
  });

  it("does not share its bytes with the next", () => {
    const first = data.prepareSearch([1, 2], { k: 1 });
    const before = first.body!.toString();
    data.prepareSearch([3, 4], { k: 2 });
    expect(first.body!.toString()).toBe(before);
  });
});

describe("what no store can take", () => {
  const data = qdrant.data("docs");

  it.each<[string, () => unknown, string]>([
    ["NaN in a query", () => data.prepareSearch([1, NaN], { k: 1 }), "component 1 of the vector is NaN"],
    [
      "Infinity in a point",
      () => data.prepareUpsert([{ id: 1, vector: Float32Array.of(Infinity) }], { wait: true }),
      "component 0",
    ],
    ["a point without a vector", () => data.prepareUpsert([{ id: 1 }], { wait: true }), "point 1 has no vector"],
    ["an id of 2^53", () => data.prepareFetch([2 ** 53], {}), "9007199254740992 is not a point id"],
    ["a negative id", () => data.prepareDelete({ ids: [-1] }, { wait: true }), "-1 is not a point id"],
    [
      "a text that is no UUID",
      () => data.prepareUpsert([{ id: "doc-1", vector: [1] }], { wait: true }),
      `"doc-1" is not a point id`,
    ],
    ["a UUID in upper case", () => data.prepareFetch([uuid.toUpperCase()], {}), "is not a point id"],
    ["an id deep in a filter", () => data.prepareCount({ must: [{ should: [{ has_id: [1.5] }] }] }), "1.5 is not a point id"],
    [
      "too many points",
      () =>
        data.prepareUpsert(
          Array.from({ length: 1001 }, (_, id) => ({ id, vector: [1] })),
          { wait: true },
        ),
      "1001 points",
    ],
    [
      "too large a body",
      () => data.prepareUpsert([{ id: 1, vector: [1], payload: { text: "x".repeat(32_000_001) } }], { wait: true }),
      "1 points make a body of 30.5 MiB",
    ],
  ])("%s", (_what, prepare, message) => {
    expect(prepare).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) as string }) as Error,
    );
    // And nothing of it is left in the next request.
    expect(sent(data.prepareSearch([1], { k: 1 }))).toMatchObject({ query: [1], limit: 1 });
  });
});
