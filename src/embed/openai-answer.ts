import { z } from "zod";

const answer = z.object({ data: z.array(z.object({ index: z.number().int().optional(), embedding: z.array(z.unknown()) })) });

export type ParsedAnswer = { vectors: Float32Array[] } | { problem: string; hint?: string };

/**
 * The vectors of an `/embeddings` answer, ordered by `index` (the endpoints do not promise an order), or what is wrong
 * with it as the end of a sentence.
 * @param expected `count` texts were sent; each vector must have `dim` finite numbers
 */
export function parseVectors(body: Buffer, expected: { count: number; dim: number }): ParsedAnswer {
  let json: unknown;
  try {
    json = JSON.parse(body.toString("utf8"));
  } catch {
    return { problem: "answered 200 with something that is not JSON" };
  }
  const parsed = answer.safeParse(json);
  if (!parsed.success) return { problem: "answered 200 without `data[].embedding`: is it an OpenAI-compatible endpoint?" };
  const { data } = parsed.data;
  if (data.length !== expected.count) return { problem: `gave ${data.length} vectors for ${expected.count} texts` };
  const vectors = Array.from<Float32Array | undefined>({ length: expected.count });
  for (const [position, { index = position, embedding }] of data.entries()) {
    if (index < 0 || index >= expected.count || vectors[index])
      return { problem: `gave vectors whose indexes are not 0 to ${expected.count - 1}, each once` };
    if (embedding.length !== expected.dim)
      return {
        problem: `gave a vector of ${embedding.length} dimensions where the config says ${expected.dim}`,
        hint: `set embedder.dim to ${embedding.length}, or embedder.model to one of ${expected.dim} dimensions`,
      };
    if (!embedding.every((value) => typeof value === "number" && Number.isFinite(Math.fround(value))))
      return { problem: "gave a vector with something that is not a finite number in it" };
    vectors[index] = Float32Array.from(embedding as number[]);
  }
  return { vectors: vectors as Float32Array[] };
}
