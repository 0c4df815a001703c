import { describe, expect, it } from "vitest";
import { compileFilter, type FilterSource } from "../../../src/node/filter.ts";
import { parseJsonPath, valueAt } from "../../../src/node/json-path.ts";
import { PayloadIndex } from "../../../src/node/payload-index.ts";

const payloads: Record<string, unknown>[] = [
  { n: 1, word: "red", flag: true },
  { n: 2.5, word: ["red", "blue"], nested: { deep: "x" } },
  { n: -3, word: [], list: [{ city: "Bonn" }, { city: "Ulm" }, {}] },
  { n: null, word: null, mixed: [1, "two", null] },
  {},
];
const ids = [10, "f47ac10b-58cc-4372-a567-0e02b2c3d479", 12, 13, 14];

const plain: FilterSource = {
  reader: (key) => {
    const steps = parseJsonPath(key);
    return (label) => valueAt(payloads[label], steps);
  },
  labelOf: (id) => (ids.includes(id) ? ids.indexOf(id) : undefined),
};

/** As a collection reads a field that has a payload index. */
const indexed: FilterSource = {
  ...plain,
  reader: (key) => {
    const index = new PayloadIndex(key, "keyword");
    for (const [label, payload] of payloads.entries()) index.set(label, payload);
    return index.read;
  },
};

const matches = (filter: unknown, source = plain) => {
  const accept = compileFilter(filter, source) ?? (() => true);
  return [...payloads.keys()].filter(accept);
};

describe("filters", () => {
  it.each<[string, unknown, number[]]>([
    ["nothing", undefined, [0, 1, 2, 3, 4]],
    ["an empty filter", {}, [0, 1, 2, 3, 4]],
    ["empty clauses", { must: [], should: [], must_not: null }, [0, 1, 2, 3, 4]],
    ["match value: string", { must: [{ key: "word", match: { value: "red" } }] }, [0, 1]],
    ["match value: integer", { must: { key: "n", match: { value: 1 } } }, [0]],
    ["match value: boolean, not a string", { must: { key: "flag", match: { value: "true" } } }, []],
    ["match value: boolean", { must: { key: "flag", match: { value: true } } }, [0]],
    ["match value in an array of mixed types", { must: { key: "mixed", match: { value: "two" } } }, [3]],
    ["match any", { must: { key: "word", match: { any: ["blue", "green"] } } }, [1]],
    ["match any of nothing", { must: { key: "word", match: { any: [] } } }, []],
    ["match except: one element suffices; null and missing do not", { must: { key: "word", match: { except: ["red"] } } }, [1]],
    ["match except: another type counts as different", { must: { key: "mixed", match: { except: ["two"] } } }, [3]],
    ["match except of a fraction", { must: { key: "n", match: { except: [1] } } }, [1, 2]],
    ["range, half open", { must: { key: "n", range: { gte: -3, lt: 1 } } }, [2]],
    ["range, the other half", { must: { key: "n", range: { gt: -3, lte: 1 } } }, [0]],
    ["range with null bounds", { must: { key: "n", range: { gt: 0, lt: null } } }, [0, 1]],
    ["range without bounds wants a number", { must: { key: "n", range: {} } }, [0, 1, 2]],
    ["range on strings", { must: { key: "word", range: { gte: 0 } } }, []],
    ["nested field", { must: { key: "nested.deep", match: { value: "x" } } }, [1]],
    ["every element of an array of objects", { must: { key: "list[].city", match: { value: "Ulm" } } }, [2]],
    ["one element of an array", { must: { key: "list[0].city", match: { value: "Ulm" } } }, []],
    ["an array of objects is not searched without []", { must: { key: "list.city", match: { value: "Ulm" } } }, []],
    ["is_empty: missing, null and []", { must: { is_empty: { key: "word" } } }, [2, 3, 4]],
    ["is_empty: not of [null]", { must: { is_empty: { key: "mixed" } } }, [0, 1, 2, 4]],
    ["is_empty of a field condition", { must: { key: "word", is_empty: false } }, [0, 1]],
    ["has_id, also in capitals, also of the unknown", { must: { has_id: [10, "F47AC10B58CC4372A5670E02B2C3D479", 99] } }, [0, 1]],
    ["has_id negated", { must_not: { has_id: [10] } }, [1, 2, 3, 4]],
    [
      "should",
      {
        should: [
          { key: "n", match: { value: 1 } },
          { key: "word", match: { value: "blue" } },
        ],
      },
      [0, 1],
    ],
    [
      "must, should and must_not together",
      {
        must: [{ key: "n", range: { gt: 0 } }],
        should: [
          { key: "flag", match: { value: true } },
          { key: "nested.deep", match: { value: "x" } },
        ],
        must_not: [{ has_id: [10] }],
      },
      [1],
    ],
    [
      "a filter in a filter",
      { must_not: [{ should: [{ has_id: [10, 12] }, { must: [{ key: "word", match: { value: "blue" } }] }] }] },
      [3, 4],
    ],
  ])("%s", (_what, filter, expected) => {
    expect(matches(filter)).toEqual(expected);
    expect(matches(filter, indexed)).toEqual(expected);
  });

  it.each<[string, unknown, number]>([
    ["min_should", { min_should: { conditions: [], min_count: 1 } }, 501],
    ["match text", { must: { key: "word", match: { text: "red" } } }, 501],
    ["match phrase", { must: { key: "word", match: { phrase: "red" } } }, 501],
    ["a range of dates", { must: { key: "n", range: { gte: "2024-01-01T00:00:00Z" } } }, 501],
    ["geo_radius", { must: { key: "n", geo_radius: { center: { lon: 1, lat: 1 }, radius: 1 } } }, 501],
    ["values_count", { must: { key: "n", values_count: { gte: 1 } } }, 501],
    ["nested", { must: { nested: { key: "list", filter: {} } } }, 501],
    ["is_null", { must: { is_null: { key: "n" } } }, 501],
    ["has_vector", { must: { has_vector: "text" } }, 501],
    ["slice", { must: { slice: { index: 0, total: 2 } } }, 501],
    ["an unknown condition", { must: { surprise: 1 } }, 501],
    ["two conditions on one key", { must: { key: "n", match: { value: 1 }, range: { lt: 3 } } }, 501],
    ["an unknown clause", { musst: [] }, 400],
    ["a misspelt bound", { must: { key: "n", range: { from: 1 } } }, 400],
    ["a key alone", { must: { key: "n" } }, 400],
    ["a fraction to match", { must: { key: "n", match: { value: 1.5 } } }, 400],
    ["a mixed list", { must: { key: "n", match: { any: [1, "a"] } } }, 400],
    ["an id that is none", { must: { has_id: ["abc"] } }, 400],
    ["a broken path", { must: { key: "a..b", match: { value: 1 } } }, 400],
    ["a list as a filter", [], 400],
  ])("%s is refused, not ignored", (_what, filter, httpStatus) => {
    expect(() => matches(filter)).toThrow(expect.objectContaining({ httpStatus }));
  });
});
