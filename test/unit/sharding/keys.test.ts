import { beforeAll, describe, expect, test } from "vitest";
import { stampedPayload } from "../../../src/sharding/keys.ts";
import { createStamper, field, loadHashes, pointIdOf, stampPayload, type PartitionerSpec } from "../../../src/sharding/index.ts";

beforeAll(loadHashes);

describe("pointIdOf", () => {
  test.each([
    ["0", 0],
    ["42", 42],
    ["9007199254740991", 9007199254740991],
    ["2fb8f416-6448-53b2-a26d-be3949aab004", "2fb8f416-6448-53b2-a26d-be3949aab004"],
  ])("%s is its own id", (key, id) => expect(pointIdOf(key)).toBe(id));

  // Computed with Python: uuid.uuid5(uuid.UUID("2fb8f416-6448-53b2-a26d-be3949aab004"), key)
  test.each([
    ["doc_12345_chunk_3", "c968f4e7-de7d-5ddb-86b8-651914a2de5b"],
    ["café 😀", "461c0961-f828-5c85-b663-e5c9dcfb6335"],
    ["", "116c9139-4569-5a93-9a08-f5b780ccd04d"],
    ["007", "bfa13491-d872-525c-ba4e-95b133a47eb4"],
    ["9007199254740992", "da6e661b-79f7-52f0-aee4-b8fc17412971"],
    ["2FB8F416-6448-53B2-A26D-BE3949AAB004", "9a9c402d-0fd8-527f-9322-9124d1ef1777"],
  ])("%s becomes its UUIDv5", (key, id) => expect(pointIdOf(key)).toBe(id));
});

describe("createStamper", () => {
  test("a semantic stamp carries the nearest cell, by the collection's distance", () => {
    const centroids = [
      [1, 0],
      [0, 10],
      [-1, -1],
    ];
    const spec: PartitionerSpec = { kind: "semantic", hash: "xxh32", modelId: "m", centroids };
    expect(createStamper(spec, "Cosine").stamp("a", [3, 2]).cell).toBe(0);
    expect(createStamper(spec, "Dot").stamp("a", [3, 2]).cell).toBe(1);
    expect(createStamper(spec, "Euclid").stamp("a", [3, 2]).cell).toBe(0);
    expect(createStamper(spec, "Euclid").cellsOf([-1, 0], 3)).toEqual([2, 0, 1]);
  });

  test("under range the position is the key, and other keys are refused", () => {
    const stamper = createStamper({ kind: "range", hash: "xxh32", bounds: [10] }, "Cosine");
    expect(stamper.stamp("12")).toEqual({ id: 12, h: 12, position: 12 });
    expect(() => stamper.stamp("x")).toThrow('takes unsigned integer keys, not "x"');
  });

  test("the payload fields", () => {
    const stamp = createStamper({ kind: "ring", hash: "md5-32", virtualNodes: 1 }, "Cosine").stamp("abc");
    expect(stampPayload("abc", stamp, 77)).toEqual({ [field.key]: "abc", [field.hash]: 0x28e17f72, [field.version]: 77 });
  });

  test("positions of another vector, as a point that was read has them, are not written back", () => {
    const spec: PartitionerSpec = {
      kind: "semantic",
      hash: "xxh32",
      modelId: "aaaaaaaa0001",
      centroids: [
        [1, 0],
        [0, 1],
      ],
      field: "_ragctl_c_aaaaaaaa",
    };
    const stamp = createStamper(spec, "Euclid").stamp("abc", [0, 1]);
    const read = {
      text: "kept",
      _ragctl_chunk: 3,
      _ragctl_cell: 7,
      _ragctl_c_aaaaaaaa: 0,
      _ragctl_c_bbbbbbbb: 5,
      _ragctl_spill: 4,
      _ragctl_spill_2: 4,
    };
    expect(stampedPayload(read, "abc", stamp, 78)).toEqual({
      text: "kept",
      _ragctl_chunk: 3,
      ...stampPayload("abc", stamp, 78),
      _ragctl_c_aaaaaaaa: 1,
    });
    expect(read._ragctl_cell).toBe(7);
  });
});
