import { describe, expect, it } from "vitest";
import { validateAnswer, validateRequest } from "../../helpers/openapi.ts";

const query = "/collections/docs/points/query";

describe("the judge of requests", () => {
  it.each([
    [
      "POST",
      query,
      { query: [0.1, 0.2], limit: 3, filter: { must: [{ key: "a", match: { value: 1 } }] }, params: { exact: true } },
    ],
    [
      "POST",
      query,
      { query: [0.1, 0.2], filter: { must: [{ should: [{ has_id: [1, "c0ffee00-0000-4000-8000-000000000000"] }] }] } },
    ],
    [
      "PUT",
      "/collections/docs/points?wait=true&ordering=strong",
      { points: [{ id: 1, vector: { text: [1, 2] }, payload: { any: ["thing"] } }] },
    ],
    ["GET", "/collections", undefined],
    ["POST", "/collections/aliases", { actions: [{ delete_alias: { alias_name: "a" } }] }],
  ])("passes %s %s", (method, path, body) => {
    expect(validateRequest(method, path, body)).toEqual([]);
  });

  it.each([
    ["a misspelt field", "POST", query, { query: [1], limits: 3 }, { at: "/limits", message: "is not a known field" }],
    [
      "a misspelt field inside a filter",
      "POST",
      query,
      { filter: { must: [{ key: "a", match: { vlue: 1 } }] } },
      { at: "/filter/must/0/match/vlue", message: "is not a known field" },
    ],
    ["a wrong type", "POST", query, { query: [1], limit: "3" }, { at: "/limit", message: "must be integer" }],
    ["a number out of range", "POST", query, { query: [1], limit: 0 }, { at: "/limit", message: "must be >= 1" }],
    ["an id that is none", "POST", "/collections/docs/points", { ids: [-1] }, { at: "/ids/0", message: "must be >= 0" }],
    ["a missing field", "POST", "/collections/docs/points", {}, { at: "", message: "must have required property 'ids'" }],
    ["a missing body", "PUT", "/collections/docs/points", undefined, { at: "", message: "the body is missing" }],
    ["a body too many", "GET", "/collections", {}, { at: "", message: "there is a body where none is described" }],
    [
      "an unknown parameter",
      "PUT",
      "/collections/docs/points?await=true",
      { points: [] },
      { at: "?await", message: "is not a parameter" },
    ],
    [
      "a parameter of a wrong type",
      "PUT",
      "/collections/docs/points?wait=1",
      { points: [] },
      { at: "?wait", message: "must be boolean" },
    ],
    ["an unknown path", "GET", "/collection/docs", undefined, { at: "", message: "no path /collection/docs" }],
    ["an unknown method", "PATCH", "/aliases", undefined, { at: "", message: "no method PATCH for /aliases" }],
  ])("catches %s", (_what, method, path, body, finding) => {
    expect(validateRequest(method, path, body)).toContainEqual(finding);
  });
});

describe("the judge of answers", () => {
  const hit = { id: 1, version: 3, score: 0.5, payload: null, vector: null };
  const answer = (points: unknown[]) => ({ result: { points }, status: "ok", time: 0.001 });

  it.each([
    [query, 200, answer([hit, { ...hit, payload: { a: [1] }, vector: [0.1] }])],
    [query, 404, { status: { error: "Not found" }, time: 0 }],
  ])("passes %s %i", (path, status, body) => {
    expect(validateAnswer("POST", path, status, body)).toEqual([]);
  });
  it("passes a text where text is described", () => {
    expect(validateAnswer("GET", "/healthz", 200, "healthz check passed")).toEqual([]);
  });

  it.each([
    [
      "a missing field",
      200,
      answer([{ id: 1, score: 0.5 }]),
      { at: "/result/points/0", message: "must have required property 'version'" },
    ],
    [
      "an unknown field",
      200,
      answer([{ ...hit, distance: 1 }]),
      { at: "/result/points/0/distance", message: "is not a known field" },
    ],
    [
      "a null where none may be",
      200,
      answer([{ ...hit, score: null }]),
      { at: "/result/points/0/score", message: "must be number" },
    ],
    ["an answer without a result", 200, { status: "ok", time: 0 }, { at: "/result", message: "is missing" }],
    ["an error without its sentence", 400, { status: "error", time: 0 }, { at: "/status/error", message: "is missing" }],
    ["an error of another shape", 500, { statusCode: 500, error: "x" }, { at: "/statusCode", message: "is not a known field" }],
  ])("catches %s", (_what, status, body, finding) => {
    expect(validateAnswer("POST", query, status, body)).toContainEqual(finding);
  });
});
