import { extname, resolve } from "node:path";
import { createReadStream } from "node:fs";
import { openDataset, type Dataset, type DatasetOptions } from "../datasets/index.ts";
import { usageError } from "../errors.ts";
import { chooseRows, rngFor, type RowSource } from "../kmeans/index.ts";
import { linesOf } from "../planning/lines.ts";
import { plural } from "../units.ts";
import type { Queries } from "./simulate/contract.ts";

/** Vectors with the keys that they are stored under. */
export interface Rows extends RowSource {
  keyOf(row: number): string;
  /** What a reader of the result should know: rows left out, texts embedded. */
  notes: readonly string[];
  close(): Promise<void>;
}

/** Texts into vectors, by the cluster's embedder or by feature hashing. */
export interface Embedding {
  name: string;
  embed(texts: readonly string[]): Promise<readonly Float32Array[]>;
}

export interface FileOptions {
  field?: string;
  embedding: Embedding;
}

const textsAtOnce = 512;

/**
 * Opens a file of vectors; a file of texts is embedded, those without a word left out.
 * @throws RagctlError (exit 2) that names the file, and the row where it is about one
 */
export async function openRows(cwd: string, file: string, { field, embedding }: FileOptions): Promise<Rows> {
  const dataset = await open(cwd, file, field);
  if (dataset.dim > 0) {
    const rowsOf = (start: number, count: number) => dataset.rowsOf(start, count);
    return { rows: dataset.rows, dim: dataset.dim, path: file, rowsOf, keyOf: String, notes: [], close: () => dataset.close() };
  }
  try {
    const { vectors, kept, note } = await embedded(await textsOf(dataset), file, embedding);
    return { ...inMemory(file, vectors), keyOf: (row) => String(kept[row]!), notes: [note] };
  } finally {
    await dataset.close();
  }
}

/** Vectors that are there already. */
export function inMemory(path: string, vectors: readonly Float32Array[]): Omit<Rows, "keyOf" | "notes"> {
  const rowsOf = (start: number, count: number) => Promise.resolve(vectors.slice(start, start + count));
  return { rows: vectors.length, dim: vectors[0]?.length ?? 0, path, rowsOf, close: () => Promise.resolve() };
}

async function open(cwd: string, file: string, field: string | undefined): Promise<Dataset> {
  const options: DatasetOptions = field === undefined ? {} : { field };
  return await openDataset(resolve(cwd, file), options);
}

async function textsOf(dataset: Dataset): Promise<string[]> {
  const texts: string[] = [];
  for (let start = 0; start < dataset.rows; start += textsAtOnce)
    texts.push(...(await dataset.texts!(start, Math.min(textsAtOnce, dataset.rows - start))));
  return texts;
}

/** @throws RagctlError (exit 2) where no text has a word */
async function embedded(
  texts: readonly string[],
  file: string,
  embedding: Embedding,
): Promise<{ vectors: Float32Array[]; kept: number[]; note: string }> {
  const kept = [...texts.keys()].filter((row) => texts[row]!.trim() !== "");
  if (kept.length === 0) throw usageError([{ file, message: "holds no words" }]);
  const vectors: Float32Array[] = [];
  for (let start = 0; start < kept.length; start += textsAtOnce)
    vectors.push(...(await embedding.embed(kept.slice(start, start + textsAtOnce).map((row) => texts[row]!))));
  const blank = texts.length - kept.length;
  const left = blank === 0 ? "" : `; ${plural(blank, "row")} without a word ${blank === 1 ? "is" : "are"} left out`;
  return { vectors, kept, note: `the texts of ${file} are embedded by ${embedding.name}${left}` };
}

export interface QueryOptions extends FileOptions {
  /** Of the rows that are searched. */
  dim: number;
  /** Entries taken at most, chosen at random. */
  limit: number;
  seed: number;
}

/**
 * Queries of a file: vectors or texts of any kind of data set (the `test` part of an HDF5 file), or a log of texts, one a line (.txt, .log). Repetitions become
 * weights.
 * @throws RagctlError (exit 2) that names the file and the row where it is not what it should be, or has another dimension than the rows
 */
export async function readQueries(
  cwd: string,
  file: string,
  { dim, limit, seed, field, embedding }: QueryOptions,
): Promise<{ queries: Queries; from: string; notes: string[] }> {
  const { vectors, notes } = await queryVectors(cwd, file, field, embedding);
  if (vectors.length === 0) throw usageError([{ file, message: "holds no queries" }], { code: "queries-invalid" });
  const wrong = vectors.find((vector) => vector.length !== dim);
  if (wrong)
    throw usageError([{ file, message: `its vectors have ${wrong.length} dimensions, the rows have ${dim}` }], {
      code: "dimension-mismatch",
      hint: "Queries must come from the model that embedded the rows.",
    });
  const chosen = chooseRows(vectors.length, limit, rngFor(seed, "queries"));
  const part = chosen.length === vectors.length ? "" : ` (${chosen.length} of ${vectors.length}, chosen at random)`;
  return { queries: counted(Array.from(chosen, (row) => vectors[row]!)), from: `${file}${part}`, notes };
}

async function queryVectors(
  cwd: string,
  file: string,
  field: string | undefined,
  embedding: Embedding,
): Promise<{ vectors: Float32Array[]; notes: string[] }> {
  const extension = extname(file).toLowerCase();
  if (extension === ".txt" || extension === ".log") {
    const { vectors, note } = await embedded(await linesIn(cwd, file), file, embedding);
    return { vectors, notes: [note] };
  }
  const dataset = await open(cwd, file, field ?? ([".hdf5", ".h5"].includes(extension) ? "test" : undefined));
  try {
    if (dataset.dim > 0) return { vectors: await dataset.rowsOf(0, dataset.rows), notes: [] };
    const { vectors, note } = await embedded(await textsOf(dataset), file, embedding);
    return { vectors, notes: [note] };
  } finally {
    await dataset.close();
  }
}

async function linesIn(cwd: string, file: string): Promise<string[]> {
  const lines: string[] = [];
  try {
    for await (const line of linesOf(createReadStream(resolve(cwd, file)))) lines.push(line);
  } catch (error) {
    throw usageError([{ file, message: `cannot be read: ${(error as Error).message}` }], { code: "queries-unreadable" });
  }
  return lines.filter((line) => line.trim() !== "");
}

/** Equal vectors as one, with how often they come. */
export function counted(vectors: readonly Float32Array[]): Queries {
  const places = new Map<string, number>();
  const different: Float32Array[] = [];
  const weights: number[] = [];
  for (const vector of vectors) {
    const key = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("latin1");
    const known = places.get(key);
    if (known !== undefined) weights[known]!++;
    else {
      places.set(key, different.length);
      different.push(vector);
      weights.push(1);
    }
  }
  return { vectors: different, weights };
}
