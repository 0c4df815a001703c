import { ExitCode, RagctlError } from "../errors.ts";
import type { CollectionInfo, CollectionSpec } from "./contract.ts";

/** One thing that a collection has otherwise than was asked for. */
export interface CollectionDifference {
  /** `size`, `distance`, `hnsw m`, `index year`, … */
  what: string;
  there: string;
  wanted: string;
}

/** What of a collection is not as the spec says; what the spec leaves out may be anything, and an index that is missing can be made. */
export function collectionDifferences(
  there: Pick<CollectionInfo, "size" | "distance" | "hnsw" | "quantization" | "payloadIndexTypes">,
  wanted: CollectionSpec,
): CollectionDifference[] {
  const pairs: [what: string, there: string | number | undefined, wanted: string | number | undefined][] = [
    ["size", there.size, wanted.size],
    ["distance", there.distance, wanted.distance],
    ["hnsw m", there.hnsw?.m, wanted.hnsw?.m],
    ["hnsw ef_construct", there.hnsw?.efConstruct, wanted.hnsw?.efConstruct],
    ["quantization", there.quantization ?? "none", wanted.quantization],
    ...(wanted.payloadIndexes ?? []).map(
      ({ field, type }) => [`index ${field}`, there.payloadIndexTypes?.[field], type] as [string, string | undefined, string],
    ),
  ];
  return pairs.flatMap(([what, has, wants]) =>
    has === undefined || wants === undefined || has === wants ? [] : [{ what, there: String(has), wanted: String(wants) }],
  );
}

/** @throws RagctlError exit 2, code `collection-differs`, that lists every difference */
export function requireFit(
  name: string,
  where: string,
  there: Parameters<typeof collectionDifferences>[0],
  wanted: CollectionSpec,
): void {
  const differences = collectionDifferences(there, wanted);
  if (differences.length === 0) return;
  const list = differences.map(({ what, there, wanted }) => `${what} is ${there}, ${wanted} was asked for`);
  throw new RagctlError(`Collection ${name} is not what was asked for${where && ` ${where}`}: ${list.join("; ")}.`, {
    code: "collection-differs",
    exitCode: ExitCode.usage,
    hint: "Use the embedder and the options that it was made with, or another collection.",
    details: differences.map(({ what, there, wanted }) => ({ path: what, message: `${there} there, ${wanted} asked for` })),
  });
}
