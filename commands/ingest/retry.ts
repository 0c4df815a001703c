import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { usageError, type Problem } from "../../src/errors.ts";
import type { DeadRun } from "../../src/ingest/dead-letters.ts";
import type { ChunkOptions, InputFile, ReaderOptions } from "../../src/ingest/contract.ts";
import { ingestResultSchema } from "../../src/ingest/result.ts";
import { ingestReport } from "../../src/report/ingest.ts";
import type { Runtime } from "../../src/runtime.ts";
import { defineCommand } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";
import { chunkOptions, readerOptions, readingFlags } from "./reading.ts";
import { ingestListing } from "./run.ts";

const { format: _, ...fieldFlags } = readingFlags;
const flags = {
  collection: flag.collection({ description: "where they go (default: where they were to go)" }),
  ...fieldFlags,
  deadLetters: flag.file({ description: "a new file for what is broken still (default: in the run's directory)" }),
};

export default defineCommand({
  details:
    "Takes dead letters again: the record as the file has it, mended or not; where the file has none, because it was a whole file or too " +
    "large, the place that it came from. Cluster, collection, fields and chunks are those of the run that left them, unless flags say " +
    "otherwise. What fails again goes to a new dead-letter file, and the exit code is 4.",
  positionals: [{ name: "dead.jsonl", description: "dead-letter files of ragctl ingest", required: true, variadic: true }],
  flags,
  examples: [
    ["ragctl ingest retry dead.jsonl", "after the store, the embedder or the records were mended"],
    ["ragctl ingest retry dead.jsonl --text-field abstract", "when it was the wrong field"],
  ],
  resultSchema: ingestResultSchema,
  async run({ positionals, flags: said, given }, context) {
    const { runtime, globals } = context;
    const { files, run } = await readLetters(positionals, runtime);
    const { checkChunkOptions } = await import("../../src/ingest/chunkers/index.ts");
    const reader = readerOf(run, said, given);
    const chunk = chunkOf(run, said, given);
    checkChunkOptions(chunk);
    const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const format = run.format as InputFile["reader"] | undefined;
    return await ingestListing(
      { listing: { files, dead: [], ignored: 0, totalBytes }, reader, chunk },
      { collection: said.collection ?? run.collection, deadLetters: said.deadLetters, format, sourcesFrom: run.cwd },
      { ...context, globals: { ...globals, cluster: globals.cluster ?? run.cluster } },
    );
  },
  human: ingestReport,
});

/** @throws RagctlError exit 2 where a file is missing, holds no dead letters, or they are of runs that cannot be taken together */
async function readLetters(paths: readonly string[], { cwd, signal }: Runtime): Promise<{ files: InputFile[]; run: DeadRun }> {
  const [{ readDeadRun }, { sentenceOf }, { stableJson }] = await Promise.all([
    import("../../src/ingest/readers/dead-letters.ts"),
    import("../../src/ingest/inputs/file-error.ts"),
    import("../../src/ingest/chunk-document.ts"),
  ]);
  const problems: Problem[] = [];
  const files: InputFile[] = [];
  const runs: DeadRun[] = [];
  for (const name of paths) {
    const path = resolve(cwd, name);
    try {
      const file: InputFile = { path, name, bytes: (await stat(path)).size, reader: "dead-letters" };
      const run = await readDeadRun(file, { signal });
      if (!run)
        problems.push({ file: name, message: "does not begin as a file of dead letters does: with a line about its run" });
      else if (runs[0] && stableJson(asked(run)) !== stableJson(asked(runs[0])))
        problems.push({ file: name, message: "is of a run with another goal or other fields: take it by itself" });
      else {
        files.push(file);
        runs.push(run);
      }
    } catch (error) {
      signal.throwIfAborted();
      problems.push({ file: name, message: sentenceOf(error) });
    }
  }
  if (problems.length > 0 || !runs[0]) throw usageError(problems, { code: "dead-letters-unreadable" });
  return { files, run: runs[0] };
}

function asked({ cluster, collection, reader, chunk, format }: DeadRun) {
  return { cluster, collection, reader, chunk, format };
}

function readerOf(run: DeadRun, said: FlagValues<typeof fieldFlags>, given: ReadonlySet<string>): ReaderOptions {
  const now = readerOptions(said);
  const { vectorField, ...before } = run.reader;
  const changed = Object.entries(now).filter(([name]) => given.has(name));
  return { ...before, vectorField, ...Object.fromEntries(changed) };
}

function chunkOf({ chunk }: DeadRun, said: FlagValues<typeof fieldFlags>, given: ReadonlySet<string>): ChunkOptions {
  const now = chunkOptions(said);
  return {
    by: given.has("chunk") ? now.by : chunk.by,
    size: given.has("chunkSize") ? now.size : chunk.size,
    overlap: given.has("chunkOverlap") ? now.overlap : chunk.overlap,
  };
}
