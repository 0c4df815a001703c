import { isAbsolute, join } from "node:path";
import type { ClusterClient } from "../../cluster/contract.ts";
import type { ChoiceSpec } from "../../datasets/choice.ts";
import { openDataset, type Dataset } from "../../datasets/index.ts";
import { ExitCode, RagctlError, usageError } from "../../errors.ts";
import { seededRng } from "../../runtime.ts";
import type { SharedVectors } from "../contract.ts";
import type { FeedProfile } from "../profile/schema.ts";
import type { DatasetTruth } from "../recall/dataset-truth.ts";
import { packVectors, sampleOwnPoints } from "./queries.ts";

/** What a feed may take in memory: rows beyond it are left out. */
const memoryBytes = 256 * 2 ** 20;
const stretchRows = 1000;
/** Points of the collection taken at most, unless the feed's limit says otherwise. */
const ownPoints = 1000;

/** What a feed is read with. */
export interface FeedDeps {
  /** The folder that a file of the feed is relative to. */
  dir: string;
  seed: number;
  /** Texts into vectors; where it is absent texts are refused. */
  embed?: (texts: readonly string[]) => Promise<readonly Float32Array[]>;
  signal?: AbortSignal;
}

export interface LoadedFeed<T> {
  items: T;
  /** For the report: where it came from, and how much of it was taken. */
  from: string;
  /** The true neighbours of the items, where the file brings them. */
  truth?: DatasetTruth;
}

export function choiceOf({ choice, exponent }: Pick<FeedProfile, "choice" | "exponent">): ChoiceSpec {
  return choice === "zipf" ? { kind: "zipf", exponent } : { kind: choice };
}

/**
 * Vectors: of a file, of its texts, or of the collection's own points.
 * @throws RagctlError exit 2 that names the file and the row where it is not what it should be, or has another dimension than the collection
 */
export async function vectorsOf(
  feed: FeedProfile,
  deps: FeedDeps,
  own: { client: ClusterClient; collection: string; dim: number },
): Promise<LoadedFeed<SharedVectors>> {
  if (feed.from === "points") {
    const options = { count: feed.limit ?? ownPoints, rng: seededRng(deps.seed), ...(deps.signal && { signal: deps.signal }) };
    return { items: await sampleOwnPoints(own.client, own.collection, options), from: "the collection's own points" };
  }
  return await withDataset(feed, deps, async (dataset) => {
    const rows = rowsOf(dataset, feed, 4 * (dataset.dim || own.dim));
    if (dataset.dim > 0) {
      if (dataset.dim !== own.dim)
        throw usageError(
          [
            {
              file: dataset.path,
              message: `its vectors have ${dataset.dim} dimensions, collection "${own.collection}" has ${own.dim}`,
            },
          ],
          { code: "dimension-mismatch", hint: "Queries must come from the model that embedded the collection." },
        );
      const truth = await truthOf(feed, dataset, rows);
      return { items: await packed(dataset, rows), from: fromOf(feed, dataset, rows), ...(truth && { truth }) };
    }
    if (!deps.embed) throw new RagctlError(`${dataset.path} holds texts`, { code: "texts", exitCode: ExitCode.usage });
    const vectors = await deps.embed(await textRows(dataset, rows));
    if (vectors[0]!.length !== own.dim)
      throw usageError(
        [
          {
            file: dataset.path,
            message: `the cluster's embedder makes ${vectors[0]!.length} dimensions of its texts, collection "${own.collection}" has ${own.dim}`,
          },
        ],
        { code: "dimension-mismatch" },
      );
    return { items: packVectors(vectors), from: fromOf(feed, dataset, rows) };
  });
}

/** Texts of a file. @throws RagctlError exit 2 where it has none */
export async function textsOf(feed: FeedProfile, deps: FeedDeps): Promise<LoadedFeed<string[]>> {
  if (feed.from === "points")
    throw usageError([{ path: "feed.from", message: "expected a file of texts: a collection's points are vectors" }]);
  return await withDataset(feed, deps, async (dataset) => {
    if (!dataset.texts) throw usageError([{ file: dataset.path, message: "holds vectors, and texts are wanted" }]);
    const rows = rowsOf(dataset, feed, 512);
    return { items: await textRows(dataset, rows), from: fromOf(feed, dataset, rows) };
  });
}

/** What people ask: the texts of a file; where it has none its vectors, or the collection's own points. @throws as `vectorsOf` */
export async function questionsOf(
  feed: FeedProfile,
  deps: FeedDeps,
  own: { client: ClusterClient; collection: string; dim: number },
): Promise<LoadedFeed<{ texts: string[] } | SharedVectors>> {
  const hasTexts =
    feed.from !== "points" &&
    (await withDataset(feed, deps, (dataset) => Promise.resolve(dataset.dim === 0 && "texts" in dataset)));
  if (!hasTexts) return await vectorsOf(feed, deps, own);
  const { items: texts, from } = await textsOf(feed, deps);
  return { items: { texts }, from };
}

async function withDataset<T>(feed: FeedProfile, { dir }: FeedDeps, read: (dataset: Dataset) => Promise<T>): Promise<T> {
  const path = isAbsolute(feed.from) ? feed.from : join(dir, feed.from);
  const dataset = await openDataset(path, {
    ...(feed.format !== undefined && { kind: feed.format }),
    ...(feed.field !== undefined && { field: feed.field }),
  });
  try {
    if (dataset.rows === 0) throw usageError([{ file: path, message: "holds no rows" }], { code: "feed-empty" });
    return await read(dataset);
  } finally {
    await dataset.close();
  }
}

function rowsOf({ rows }: Dataset, { limit }: FeedProfile, rowBytes: number): number {
  return Math.min(rows, limit ?? rows, Math.max(1, Math.floor(memoryBytes / rowBytes)));
}

function fromOf({ from }: FeedProfile, dataset: Dataset, rows: number): string {
  return rows === dataset.rows ? from : `${from} (the first ${rows} of ${dataset.rows} rows)`;
}

async function truthOf({ from }: FeedProfile, dataset: Dataset, rows: number): Promise<DatasetTruth | undefined> {
  const neighbors = await dataset.neighbors?.(0, rows);
  if (!neighbors) return undefined;
  const { distance, baseRows } = dataset;
  return {
    file: from,
    neighbors,
    ...(distance !== undefined && { metric: distance }),
    ...(baseRows !== undefined && { baseRows }),
  };
}

async function packed(dataset: Dataset, rows: number): Promise<SharedVectors> {
  const vectors = new SharedArrayBuffer(4 * dataset.dim * rows);
  const all = new Float32Array(vectors);
  for (let start = 0; start < rows; start += stretchRows)
    for (const [at, row] of (await dataset.rowsOf(start, Math.min(stretchRows, rows - start))).entries())
      all.set(row, (start + at) * dataset.dim);
  return { vectors, dim: dataset.dim, count: rows };
}

async function textRows(dataset: Dataset, rows: number): Promise<string[]> {
  const texts: string[] = [];
  for (let start = 0; start < rows; start += stretchRows)
    texts.push(...(await dataset.texts!(start, Math.min(stretchRows, rows - start))));
  return texts;
}
