import { describe, expect, it } from "vitest";
import { storeDrivers } from "../../../src/stores/index.ts";

const uuid = "c0ffee00-0000-4000-8000-00000000abcd";
const data = storeDrivers.qdrant.data("docs");
const named = storeDrivers.qdrant.data("docs", "text");
const body = (result: unknown): Buffer => Buffer.from(JSON.stringify({ result, status: "ok", time: 0.001, usage: null }));

describe("answers", () => {
  it("to a search", () => {
    const points = [
      { id: 3, version: 9, score: 0.5, payload: null, vector: null, shard_key: null },
      { id: uuid, version: 9, score: -1, payload: { a: 1 }, vector: [1, 2] },
    ];
    expect(data.parseSearch(body({ points }))).toEqual([
      { id: 3, score: 0.5 },
      { id: uuid, score: -1, payload: { a: 1 }, vector: [1, 2] },
    ]);
    expect(data.parseSearch(body({ points: [] }))).toEqual([]);
    expect(named.parseSearch(body({ points: [{ id: 1, score: 1, vector: { text: [1], other: [2] } }] }))[0]!.vector).toEqual([1]);
  });

  it("to a fetch and a scroll", () => {
    const points = [{ id: 1, payload: {}, vector: [1] }];
    expect(data.parseFetch(body(points))).toEqual(points);
    expect(data.parseScroll(body({ points, next_page_offset: uuid }))).toEqual({ points, next: uuid });
    expect(data.parseScroll(body({ points, next_page_offset: 0 }))).toEqual({ points, next: 0 });
    expect(data.parseScroll(body({ points: [], next_page_offset: null }))).toEqual({ points: [] });
  });

  it("to a count and to writes", () => {
    expect(data.parseCount(body({ count: 12 }))).toBe(12);
    expect(data.parseWrite(body({ operation_id: 1, status: "completed" }))).toBe("applied");
    expect(data.parseWrite(body({ operation_id: 1, status: "acknowledged" }))).toBe("queued");
    expect(data.parseWrite(body({ status: "wait_timeout" }))).toBe("queued");
  });

  it("keep integers of payloads that JavaScript would round, digit for digit", () => {
    const text = `{"id":1,"payload":{"big":18446744073709551615,"list":[-9223372036854775808, 7],"text":"[1234567890123456789]","float":0.12345678901234568}}`;
    for (const { payload } of [
      data.parseFetch(Buffer.from(`{"result":[${text}]}`))[0]!,
      data.parseScroll(Buffer.from(`{"result":{"points":[${text}]}}`)).points[0]!,
    ]) {
      const request = data.prepareUpsert([{ id: 1, vector: [1], payload: payload! }], { wait: true });
      expect(request.body!.toString()).toContain(`"payload":${/"payload":(.*)\}$/.exec(text)![1]!.replace(", 7", ",7")}`);
    }
  });

  it.each<[string, () => unknown, string]>([
    ["no JSON", () => data.parseSearch(Buffer.from("<html>")), `the body is not JSON ("<html>")`],
    ["nothing", () => data.parseSearch(Buffer.alloc(0)), `the body is not JSON ("")`],
    ["no object", () => data.parseCount(Buffer.from("3")), "the body is 3, not an object"],
    ["no result", () => data.parseCount(Buffer.from("{}")), "the body has no result"],
    ["a null result", () => data.parseFetch(body(null)), "the body has no result"],
    ["a list for points", () => data.parseSearch(body([])), "result is [], not an object"],
    ["no points", () => data.parseSearch(body({})), "result.points is missing, not a list"],
    [
      "a hit without a score",
      () => data.parseSearch(body({ points: [{ id: 1 }] })),
      "result.points[0].score is missing, not a number",
    ],
    ["a hit without an id", () => data.parseSearch(body({ points: [{ score: 1 }] })), "result.points[0].id is missing"],
    ["an id of another kind", () => data.parseFetch(body([{ id: "x" }])), `result[0].id is "x"`],
    ["a payload that is a list", () => data.parseFetch(body([{ id: 1, payload: [] }])), "result[0].payload is [], not an object"],
    ["a sparse vector", () => data.parseFetch(body([{ id: 1, vector: { indices: [] } }])), "not a dense vector"],
    ["a multivector", () => data.parseFetch(body([{ id: 1, vector: [[1]] }])), "result[0].vector is [[1]], not a dense vector"],
    ["another vector", () => named.parseFetch(body([{ id: 1, vector: { body: [1] } }])), "result[0].vector.text is missing"],
    ["half a count", () => data.parseCount(body({ count: 1.5 })), "result.count is 1.5"],
    ["another status", () => data.parseWrite(body({ status: "maybe" })), `result.status is "maybe"`],
  ])("that are %s: a sentence", (_what, parse, message) => {
    const expected = { code: "store-answer-unexpected", exitCode: 3, message: expect.stringContaining(message) as string };
    expect(parse).toThrow(expect.objectContaining(expected) as Error);
  });

  it.each<[string, () => unknown]>([
    ["a search", () => data.parseSearch(Buffer.from(`{"result":{"points":[{"id":18446744073709551615,"score":1}]}}`))],
    ["a fetch", () => data.parseFetch(Buffer.from(`{"result":[{"id":9007199254740993}]}`))],
    ["a scroll's next page", () => data.parseScroll(Buffer.from(`{"result":{"points":[],"next_page_offset":9007199254740992}}`))],
  ])("with an id above 2^53 in %s: refused, not rounded", (_what, parse) => {
    expect(parse).toThrow(expect.objectContaining({ code: "point-id-too-large" }) as Error);
  });
});

describe("failures", () => {
  it.each([
    [429, "retryable"],
    [408, "retryable"],
    [500, "retryable"],
    [503, "retryable"],
    [400, "fatal"],
    [401, "fatal"],
    [404, "fatal"],
    [409, "fatal"],
    [501, "fatal"],
    [507, "fatal"],
  ])("%i is %s", (status, kind) => {
    expect(data.failure(status, Buffer.alloc(0))).toMatchObject({ kind, status, message: `HTTP ${status}` });
  });

  it.each([
    [507, "Quota exceeded", true],
    [500, "Service internal error: No space left on device: WAL buffer size exceeds available disk space", true],
    [500, "Service internal error: index out of bounds", undefined],
    [400, "No space left", undefined],
  ])("%i %s: full is %s", (status, error, full) => {
    expect(data.failure(status, Buffer.from(JSON.stringify({ status: { error } }))).full).toBe(full);
  });

  it.each([
    [`{"status":{"error":"Not found: Collection \`x\` doesn't exist!"},"time":0}`, "Not found: Collection `x` doesn't exist!"],
    ["Invalid API key or JWT", "Invalid API key or JWT"],
    ["<html><h1>502</h1></html>", "HTTP 400"],
    [`{"status":"error"}`, "HTTP 400"],
    ["null", "HTTP 400"],
  ])("%s says: %s", (text, message) => {
    expect(data.failure(400, Buffer.from(text)).message).toBe(message);
  });

  it.each([
    [429, "", true],
    [503, JSON.stringify({ status: { error: "shard unavailable" } }), true],
    [503, "<html>no upstream</html>", false],
    [503, "", false],
    [500, JSON.stringify({ status: { error: "oops" } }), false],
    [504, "", false],
  ])("%d %s: says that nothing was done: %s", (status, body, notDone) => {
    expect(data.failure(status, Buffer.from(body)).notDone).toBe(notDone || undefined);
  });

  it("carry Retry-After, in ms", () => {
    expect(data.failure(429, Buffer.alloc(0), { "retry-after": "3" }).retryAfterMs).toBe(3000);
    expect(data.failure(429, Buffer.alloc(0), { "retry-after": "soon" })).not.toHaveProperty("retryAfterMs");
    expect(data.failure(429, Buffer.alloc(0), {})).not.toHaveProperty("retryAfterMs");
  });
});
