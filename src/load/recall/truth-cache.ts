import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Distance } from "../../stores/contract.ts";
import type { ExactTruth } from "./exact.ts";

/** What ground truth depends on. Another collection state, another query, another k: another fingerprint. */
export interface TruthKey {
  /** Of the base vectors: the collection's name, points, epoch …, or the data file's path, size and time of change. */
  collection: Readonly<Record<string, string | number | boolean | null>>;
  queries: readonly ArrayLike<number>[];
  k: number;
  distance: Distance;
  /** JSON of the filter that all queries share, if any. */
  filter?: string;
}

/** SHA-256, hex. Vectors count by their bytes in single precision. */
export function truthFingerprint({ collection, queries, k, distance, filter }: TruthKey): string {
  const hash = createHash("sha256");
  const entries = Object.entries(collection).sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(JSON.stringify([1, entries, queries.length, k, distance, filter ?? null]));
  for (const query of queries) {
    const bytes = Buffer.alloc(4 + query.length * 4);
    bytes.writeUInt32LE(query.length, 0);
    for (let i = 0; i < query.length; i++) bytes.writeFloatLE(query[i]!, 4 + i * 4);
    hash.update(bytes);
  }
  return hash.digest("hex");
}

const fileSchema = z.object({
  schemaVersion: z.literal(1),
  fingerprint: z.string(),
  truths: z.array(z.object({ ids: z.array(z.union([z.number(), z.string()])), scores: z.array(z.number()) })),
});

/** Where a fingerprint's ground truth is kept. */
export function truthFile(dir: string, fingerprint: string): string {
  return join(dir, `truth-${fingerprint.slice(0, 32)}.json`);
}

/** @returns undefined where there is none, or what is there is damaged: it can be computed again */
export async function readTruth(dir: string, fingerprint: string): Promise<ExactTruth[] | undefined> {
  let text: string;
  try {
    text = await readFile(truthFile(dir, fingerprint), "utf8");
  } catch {
    return undefined;
  }
  try {
    const file = fileSchema.parse(JSON.parse(text));
    return file.fingerprint === fingerprint ? file.truths : undefined;
  } catch {
    return undefined;
  }
}

/** Writes beside, syncs and renames, so that a reader (or a crash) sees all of it or nothing. */
async function writeTruth(
  dir: string,
  fingerprint: string,
  truths: readonly ExactTruth[],
  writer: { pid: number },
): Promise<void> {
  await mkdir(dir, { recursive: true });
  const file = truthFile(dir, fingerprint);
  const beside = `${file}.${writer.pid}.tmp`;
  try {
    const handle = await open(beside, "w");
    try {
      await handle.writeFile(JSON.stringify({ schemaVersion: 1, fingerprint, truths }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** The cached truth, or `compute`'s, which is then cached. A cache that cannot be written costs time, not the run: `onProblem` hears of it. */
export async function cachedTruth(
  dir: string,
  key: TruthKey,
  writer: { pid: number },
  compute: () => Promise<ExactTruth[]>,
  onProblem: (message: string) => void = () => {},
): Promise<{ truths: ExactTruth[]; cached: boolean; fingerprint: string }> {
  const fingerprint = truthFingerprint(key);
  const found = await readTruth(dir, fingerprint);
  if (found?.length === key.queries.length) return { truths: found, cached: true, fingerprint };
  return { truths: await renewTruth(dir, key, writer, compute, onProblem), cached: false, fingerprint };
}

/** `compute`'s truth, which takes the place of what is cached: what it was computed from is no more. */
export async function renewTruth(
  dir: string,
  key: TruthKey,
  writer: { pid: number },
  compute: () => Promise<ExactTruth[]>,
  onProblem: (message: string) => void = () => {},
): Promise<ExactTruth[]> {
  const truths = await compute();
  try {
    await writeTruth(dir, truthFingerprint(key), truths, writer);
  } catch (error) {
    onProblem(`ground truth could not be kept in ${dir}: ${(error as Error).message}`);
  }
  return truths;
}
