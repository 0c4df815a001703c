import type { Hit } from "../../stores/contract.ts";
import { field } from "../../sharding/table.ts";

/**
 * What is cached as the result of a query: JSON, `{"hits": [{"id", "key", "score", "payload"}]}`, best first.
 * @param hits as the cluster's client gives them, with payload
 */
export function encodeResult(hits: readonly Hit[]): Buffer {
  const shown = hits.map(({ id, score, payload }) => {
    const key = payload?.[field.key];
    return { id, key: typeof key === "string" ? key : String(id), score, payload: payload ?? {} };
  });
  return Buffer.from(JSON.stringify({ hits: shown }));
}

/** A vector as little-endian float32. */
export function encodeVector(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [at, value] of vector.entries()) bytes.writeFloatLE(value, at * 4);
  return bytes;
}

/** Undefined where the bytes are no vector of this dimension. */
export function decodeVector(bytes: Buffer, dim: number): Float32Array | undefined {
  if (bytes.length !== dim * 4) return undefined;
  const vector = Float32Array.from({ length: dim }, (_, at) => bytes.readFloatLE(at * 4));
  return vector.every(Number.isFinite) ? vector : undefined;
}
