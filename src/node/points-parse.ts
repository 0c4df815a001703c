import type { PointId } from "../stores/contract.ts";
import type { CollectionConfig } from "./collection-config.ts";
import { writeVector } from "./distance.ts";
import { badFormat, notImplemented, wrongInput } from "./fault.ts";
import { parsePointId } from "./ids.ts";
import { asArray, asObject, checkFields, type Body } from "./requests.ts";

type Spaces = CollectionConfig["spaces"];

/** A point that has passed every check. */
export interface NewPoint {
  id: PointId;
  payload: Body;
  vectors: PackedVectors;
}

/** What is stored of a point's vectors: a bit mask of the spaces it has one in, as the first float, then those vectors. */
export type PackedVectors = Float32Array;

const listFields = new Set(["points", "update_filter"]);
const batchFields = new Set(["batch", "update_filter"]);
const batchParts = new Set(["ids", "vectors", "payloads"]);
const pointFields = new Set(["id", "vector", "payload"]);

/** `{points: […]}` or `{batch: {ids, vectors, payloads}}` → points. Throws before anything has been written. */
export function parsePoints(body: Body, spaces: Spaces): NewPoint[] {
  if (body["batch"] !== undefined) {
    checkFields(body, batchFields, "an upsert of a batch");
    return parseBatch(asObject(body["batch"], "batch"), spaces);
  }
  checkFields(body, listFields, "an upsert");
  return asArray(body["points"], "points").map((value) => {
    const point = asObject(value, "a point");
    checkFields(point, pointFields, "a point");
    if (point["vector"] === undefined || point["vector"] === null) throw badFormat("missing field `vector`");
    return {
      id: parsePointId(point["id"]),
      payload: parsePayload(point["payload"]),
      vectors: packVectors(point["vector"], spaces),
    };
  });
}

function parseBatch(batch: Body, spaces: Spaces): NewPoint[] {
  checkFields(batch, batchParts, "a batch");
  const ids = asArray(batch["ids"], "ids");
  const { vectors } = batch;
  const payloads = batch["payloads"] === undefined || batch["payloads"] === null ? [] : asArray(batch["payloads"], "payloads");
  const columns = Array.isArray(vectors) ? { "": vectors as unknown[] } : asObject(vectors, "vectors");
  for (const [name, list] of Object.entries(columns))
    if (asArray(list, `vectors.${name}`).length !== ids.length) throw wrongInput("a batch needs as many vectors as ids");
  if (payloads.length > 0 && payloads.length !== ids.length) throw wrongInput("a batch needs as many payloads as ids");
  return ids.map((id, index) => ({
    id: parsePointId(id),
    payload: parsePayload(payloads[index]),
    vectors: packVectors(
      Object.fromEntries(Object.entries(columns).map(([name, list]) => [name, (list as unknown[])[index]])),
      spaces,
    ),
  }));
}

export function parsePayload(value: unknown): Body {
  return value === undefined || value === null ? {} : asObject(value, "payload");
}

/** The index of a named vector; 400 where the collection has none of that name. */
export function spaceIndex(spaces: Spaces, name: string): number {
  const index = spaces.findIndex(([known]) => known === name);
  if (index < 0) throw wrongInput(`Not existing vector name error: ${name}`);
  return index;
}

function packVectors(vector: unknown, spaces: Spaces): PackedVectors {
  const byName: Body = Array.isArray(vector) ? { "": vector } : asObject(vector, "vector");
  const given: unknown[] = [];
  let mask = 0;
  let length = 1;
  for (const name in byName) {
    const value = byName[name];
    const index = spaceIndex(spaces, name);
    if (value !== null && typeof value === "object" && (!Array.isArray(value) || Array.isArray(value[0])))
      throw notImplemented("sparse vectors, multivectors and inference");
    given[index] = value;
    mask |= 1 << index;
    length += spaces[index]![1].size;
  }
  const packed = new Float32Array(length);
  packed[0] = mask;
  let at = 1;
  for (const [index, [, { size, distance }]] of spaces.entries()) {
    if ((mask & (1 << index)) === 0) continue;
    writeVector(given[index], size, distance, packed.subarray(at, at + size));
    at += size;
  }
  return packed;
}

/** Calls `visit` with each space's index and vector, undefined where the point has none there. */
export function unpackVectors(
  packed: PackedVectors,
  spaces: Spaces,
  visit: (index: number, vector: Float32Array | undefined) => void,
): void {
  const mask = packed[0]!;
  let at = 1;
  for (const [index, [, { size }]] of spaces.entries()) {
    const held = (mask & (1 << index)) !== 0;
    visit(index, held ? packed.subarray(at, at + size) : undefined);
    if (held) at += size;
  }
}
