import { describe, expect, test } from "vitest";
import { chooser } from "../../../src/load/feeds/choice.ts";
import { parseQueries } from "../../../src/load/feeds/query-file.ts";
import { httpTarget } from "../../../src/load/targets/http.ts";

describe("choice", () => {
  test("uniform: every item about as often, the same again with the same seed", () => {
    const counts = new Uint32Array(50);
    const choose = chooser({ kind: "uniform" }, 50, 7);
    for (let index = 0; index < 100_000; index++) counts[choose(index)]!++;
    // 2,000 expected, standard deviation 44.
    expect(Math.min(...counts)).toBeGreaterThan(1750);
    expect(Math.max(...counts)).toBeLessThan(2250);
    const some = (seed: number) => Array.from({ length: 20 }, (_, index) => chooser({ kind: "uniform" }, 1000, seed)(index));
    expect(some(7)).toEqual(some(7));
    expect(some(7)).not.toEqual(some(8));
  });

  test("sequential: one after the other, again and again", () => {
    expect([0, 1, 2, 3, 4].map(chooser({ kind: "sequential" }, 3, 1))).toEqual([0, 1, 2, 0, 1]);
  });

  test("zipf: by its law, and a pure function of the index in whatever order it is asked", () => {
    const choose = chooser({ kind: "zipf", exponent: 1 }, 100, 3);
    const counts = new Uint32Array(100);
    for (let index = 0; index < 100_000; index++) counts[choose(index)]!++;
    const harmonic = Array.from({ length: 100 }, (_, rank) => 1 / (rank + 1)).reduce((a, b) => a + b);
    for (const rank of [0, 1, 9]) {
      const expected = 100_000 / (rank + 1) / harmonic;
      // Five standard deviations.
      expect(Math.abs(counts[rank]! - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
    const forwards = [5, 6, 7].map(choose);
    expect([7, 6, 5].map(choose)).toEqual(forwards.toReversed());
  });
});

test("queries: vectors and texts, blank lines passed over", () => {
  expect(parseQueries('{"vector":[1,2]}\n\n{"text":"what is it","id":"7"}\n', "q.jsonl")).toEqual([
    { vector: [1, 2] },
    { text: "what is it" },
  ]);
  expect(() => parseQueries('{"vector":[1,2]}\n{"vector":[1]}\n{"text":" "}\n7', "q.jsonl")).toThrow(
    /q\.jsonl:2: the vector has 1 numbers, the first one had 2\n.*q\.jsonl:3: text: expected words\n.*q\.jsonl:4: expected/,
  );
});

describe("HTTP targets", () => {
  const target = (input: Partial<Parameters<typeof httpTarget>[0]>) =>
    httpTarget({ url: "http://localhost:1/a?b=c", method: undefined, headers: [], body: undefined, ...input });

  test("a body makes a POST and is announced as what it looks like; headers of the user win", () => {
    expect(target({}).operation).toEqual({
      kind: "http",
      origin: "http://localhost:1",
      request: { method: "GET", path: "/a?b=c", headers: [] },
    });
    const json = { bytes: Buffer.from(' {"a":1}'), file: "x" };
    expect(target({ body: json }).operation.request).toMatchObject({
      method: "POST",
      headers: ["content-type", "application/json"],
    });
    expect(target({ body: json, headers: ["Content-Type: text/csv"], method: "put" }).operation.request).toMatchObject({
      method: "PUT",
      headers: ["content-type", "text/csv"],
    });
  });

  test("credentials in the URL become a header, and stay out of the report", () => {
    const chosen = target({ url: "https://me:s%40cret@host/x?key=hidden" });
    expect(chosen.operation.request.headers).toEqual(["authorization", `Basic ${Buffer.from("me:s@cret").toString("base64")}`]);
    expect(JSON.stringify([chosen.target, chosen.urls])).not.toMatch(/cret|hidden/);
  });

  test("every mistake at once", () => {
    expect(() => target({ url: "ftp://x", method: "FETCH", headers: ["no colon", "a: b", "Content-Length: 5"] })).toThrow(
      /4 problems:[^]*--url[^]*--method[^]*--header[^]*content-length is set by ragctl/,
    );
  });
});
