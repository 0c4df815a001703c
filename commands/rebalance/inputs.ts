import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { RagctlError, type Problem } from "../../src/errors.ts";
import type { Metric } from "../../src/kmeans/contract.ts";
import type { CollectionRows } from "../../src/rebalance/collection.ts";
import type { Embedding, Rows } from "../../src/rebalance/sources.ts";
import type { CommandContext } from "../define.ts";
import { flag, type FlagSpec } from "../flags.ts";

export const sampleFlag: FlagSpec<number | "all" | undefined> = {
  kind: "value",
  placeholder: "n|all",
  description: "rows that take part, chosen at random (default: all of a file, 100,000 points of a collection)",
  parse(text) {
    const count = Number(text.replaceAll("_", ""));
    if (text !== "all" && !(Number.isSafeInteger(count) && count > 0))
      throw new Error(`expected a whole number above zero, or all, got "${text}"`);
    return text === "all" ? text : count;
  },
};

export const sourceFlags = {
  vectors: flag.file({ description: "npy, fvecs, hdf5, parquet, csv or jsonl (default: a collection of the cluster)" }),
  field: flag.string({ description: "the data set of an HDF5 file, the column of others (default: the first that fits)" }),
  collection: flag.collection({ description: "of the cluster (default: the config's, or the only one)" }),
  sample: sampleFlag,
};

/** What is asked, how many neighbours it wants, and what recall is good. */
export const queryFlags = {
  queries: flag.file({
    description: "vectors or texts: npy, fvecs, hdf5, jsonl …; or a log, one a line (.txt, .log) (default: rows held out)",
  }),
  queryField: flag.string({ description: "of --queries: its data set or column" }),
  limit: flag.positive({ description: "queries at most, chosen at random; without --queries, rows held out", default: 500 }),
  k: flag.positive({ description: "neighbours wanted", default: 10, short: "k" }),
  target: flag.fraction({ description: "the recall to reach", default: 0.95 }),
};

interface QueryFlags {
  queries?: string | undefined;
  queryField?: string | undefined;
  target: number;
}

export function queryProblems({ queries, queryField, target }: QueryFlags): Problem[] {
  const problems: Problem[] = [];
  if (!(target > 0 && target <= 1)) problems.push({ path: "--target", message: "expected a share above 0 and at most 1" });
  if (queryField !== undefined && queries === undefined) problems.push({ path: "--query-field", message: "goes with --queries" });
  return problems;
}

/** The file of queries as a simulation takes it, where there is one. */
export function queriesOf({ queries, queryField }: QueryFlags): { queries?: { file: string; field?: string } } {
  if (queries === undefined) return {};
  return { queries: { file: queries, ...(queryField !== undefined && { field: queryField }) } };
}

const defaultLiveSample = 100_000;

export interface SourceFlags {
  vectors?: string | undefined;
  field?: string | undefined;
  collection?: string | undefined;
  sample?: number | "all" | undefined;
  seed: number;
}

/** Where vectors come from: a file, or a live collection. */
export interface Source {
  rows: Rows;
  /** Absent of files: they do not say. */
  metric?: Metric;
  live?: { cluster: ClusterConfig; collection: CollectionRows };
  embedding: Embedding;
  close(): Promise<void>;
}

/**
 * Opens what `--vectors` or `--collection` name.
 * @param dim of texts that feature hashing embeds
 * @throws RagctlError exit 2 for a file that is none, or a collection that is not there; 3 where the cluster does not answer
 */
export async function openSource(flags: SourceFlags, dim: number, context: CommandContext): Promise<Source> {
  return flags.vectors === undefined ? await live(flags, context) : await file(flags.vectors, flags, dim, context);
}

async function file(vectors: string, { field }: SourceFlags, dim: number, { runtime }: CommandContext): Promise<Source> {
  const { openRows } = await import("../../src/rebalance/sources.ts");
  const { createEmbedder } = await import("../../src/embed/index.ts");
  const embedder = await createEmbedder({ driver: "hashing", dim }, runtime);
  const embedding = { name: embedder.name, embed: (texts: readonly string[]) => embedder.embed(texts) };
  const rows = await openRows(runtime.cwd, vectors, { embedding, ...(field !== undefined && { field }) });
  return { rows, embedding, close: () => rows.close() };
}

async function live(flags: SourceFlags, context: CommandContext): Promise<Source> {
  const { runtime, globals, note, progress } = context;
  const { clock, rng, cwd, signal } = runtime;
  const cluster = await resolveCluster(runtime, globals);
  note(clusterLine(runtime, cluster));
  const [{ connectCluster }, { readCollection }, { createEmbedder }, { collectionOf }] = await Promise.all([
    import("../../src/cluster/index.ts"),
    import("../../src/rebalance/collection.ts"),
    import("../../src/embed/index.ts"),
    import("../../src/planning/state.ts"),
  ]);
  const client = await connectCluster(cluster, { clock, rng, cwd, purpose: "rebalance" });
  try {
    const name = collectionOf(flags.collection, cluster, await client.collections());
    const task = progress.start("reading", { unit: "points" });
    let total: number | undefined;
    const { sample = defaultLiveSample, seed } = flags;
    const collection = await readCollection(
      name,
      { sample, seed },
      {
        client,
        signal,
        onProgress(done, of) {
          if (total === undefined) task.setTotal((total = of));
          task.update(done);
        },
      },
    ).finally(() => task.end());
    if (cluster.topology === "native") {
      const { nativeCells } = await import("../../src/rebalance/native-cells.ts");
      const info = (await client.collectionInfo(name))!;
      const vector = { size: info.size, distance: info.distance, ...(info.vector !== undefined && { name: info.vector }) };
      // Without a cluster mode there is nothing to place cells on; what is read can be fitted all the same.
      collection.table = await nativeCells(cluster, { name, vector }, await client.cellTable?.(name), runtime).catch(
        (error: unknown) => {
          if (!(error instanceof RagctlError)) throw error;
          note(`its shards cannot be looked at: ${error.message}`);
          return undefined;
        },
      );
    }
    const embedder = await createEmbedder(cluster.embedder, runtime);
    const embedding = { name: embedder.name, embed: (texts: readonly string[]) => embedder.embed(texts, { signal }) };
    return {
      rows: collection,
      metric: collection.metric,
      live: { cluster, collection },
      embedding,
      close: () => embedder.close(),
    };
  } finally {
    await client.close();
  }
}

/** One line of progress after the other, as the work goes from phase to phase. */
export function phases<P extends string>({ progress }: CommandContext, about: (phase: P) => { label: string; unit: string }) {
  let now: P | undefined;
  let task: ReturnType<typeof progress.start> | undefined;
  return {
    update: (phase: P, done: number, total: number) => {
      if (phase !== now) {
        task?.end();
        now = phase;
        const { label, unit } = about(phase);
        task = progress.start(label, { total, unit });
      }
      task!.update(done);
    },
    end: () => task?.end(),
  };
}
