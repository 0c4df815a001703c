import { join, resolve } from "node:path";
import { clusterLine, resolveCluster } from "../src/config/resolve.ts";
import type { ClusterConfig } from "../src/config/schema.ts";
import { ExitCode, RagctlError, usageError } from "../src/errors.ts";
import { ingestResultSchema, type IngestResult } from "../src/ingest/result.ts";
import { ingestProgressNote, ingestReport } from "../src/report/ingest.ts";
import { Interrupted, type Runtime } from "../src/runtime.ts";
import { defineCommand } from "./define.ts";
import { flag } from "./flags.ts";

const formats = ["jsonl", "markdown", "text"] as const;

export default defineCommand({
  details:
    "Takes JSONL (an object a line), Markdown and text; a folder with everything readable below it, hidden files apart. What the cluster already " +
    "holds is skipped, chunks that vanished from a document are deleted: a second run of the same input changes nothing, and a run that was " +
    "stopped goes on when it is started again. Documents without text are skipped; records that are broken, or cannot be stored, go to a " +
    "dead-letter file with their reason, and the exit code is 4.\n\n" +
    "The embedder is the cluster's; without one, feature hashing into 384 dimensions: lexical, not semantic. It finds texts that share words; " +
    "docs/embedding.md says how well, and when to name a model instead.",
  positionals: [{ name: "path", description: "files and folders", required: true, variadic: true }],
  flags: {
    collection: flag.collection({ description: "made where it is not there (default: the config's)" }),
    idField: flag.string({
      description: "of a JSONL record; without an id, its content makes one",
      placeholder: "name",
      default: "id",
    }),
    textField: flag.string({ description: "of a JSONL record", placeholder: "name", default: "text" }),
    titleField: flag.string({
      description: "embedded with every chunk, where there is one",
      placeholder: "name",
      default: "title",
    }),
    format: flag.choice(formats, { description: "of all files, whatever their names" }),
    chunkSize: flag.positive({ description: "characters of a chunk at most", default: 1000 }),
    chunkOverlap: flag.count({ description: "characters that neighbouring chunks share at most", default: 100 }),
    deadLetters: flag.file({ description: "a new file for what could not be ingested (default: in the run's directory)" }),
  },
  examples: [
    ["ragctl ingest docs README.md --collection docs", "a folder of Markdown, and one file more"],
    ["ragctl ingest corpus.jsonl --collection papers --text-field abstract", "JSONL whose text is elsewhere"],
  ],
  resultSchema: ingestResultSchema,
  async run({ positionals, flags }, context) {
    const { runtime, globals, note, warn } = context;
    const [{ listInputs }, { checkChunkOptions }] = await Promise.all([
      import("../src/ingest/inputs/list.ts"),
      import("../src/ingest/chunkers/index.ts"),
    ]);
    const chunk = { size: flags.chunkSize, overlap: flags.chunkOverlap };
    checkChunkOptions(chunk);
    const listing = await listInputs(positionals, { cwd: runtime.cwd, format: flags.format });
    const cluster = await resolveCluster(runtime, globals);
    const collection = collectionOf(flags.collection, cluster);
    note(clusterLine(runtime, cluster));

    const [{ runIngest }, { openDeadLetters }, { connectCluster }, { createEmbedder }, { openRun }] = await Promise.all([
      import("../src/ingest/index.ts"),
      import("../src/ingest/dead-letters.ts"),
      import("../src/cluster/index.ts"),
      import("../src/embed/index.ts"),
      import("../src/runs/index.ts"),
    ]);
    const { clock, rng, cwd } = runtime;
    const again = `ragctl ${runtime.argv.map(shellWord).join(" ")}`;
    const run = openRun(runtime, { command: "ingest", cluster: cluster.name, resume: again, warn });
    const deadFile = flags.deadLetters === undefined ? join(run.dir, "dead-letters.jsonl") : resolve(cwd, flags.deadLetters);
    const closers: (() => unknown)[] = [];
    const task = context.progress.start("ingest", { total: listing.totalBytes, unit: "bytes" });
    try {
      const deadLetters = await openDeadLetters(deadFile);
      closers.push(() => deadLetters.close());
      const embedder = await createEmbedder(cluster.embedder, { clock, rng });
      closers.push(() => embedder.close());
      const client = await connectCluster(cluster, { clock, rng, purpose: "ingest", cwd });
      closers.push(() => client.close());
      run.event({ kind: "step", name: "ingest", phase: "start", detail: { collection, files: listing.files.length } });
      const result = await runIngest(
        {
          listing,
          collection,
          reader: { idField: flags.idField, textField: flags.textField, titleField: flags.titleField },
          chunk,
        },
        {
          client,
          embedder,
          clock,
          signal: runtime.signal,
          hardSignal: runtime.hardSignal,
          runId: run.id,
          deadLetters,
          onProgress: (progress) => task.update(progress.bytes, ingestProgressNote(progress)),
        },
      );
      task.end();
      for (const node of result.markedStale)
        warn(`node ${node} missed a write and was marked stale: it serves no reads until it is repaired`);
      const exitCode = exitCodeOf(result, runtime);
      run.event({ kind: "step", name: "ingest", phase: "end", detail: { documents: result.documents, chunks: result.chunks } });
      run.end({ exitCode, result, ...(result.interrupted ? { state: "interrupted", resume: again } : { state: "done" }) });
      return { result, exitCode, next: nextOf(result, again) };
    } catch (error) {
      task.end();
      const interrupted = runtime.signal.aborted;
      const exitCode = error instanceof RagctlError ? error.exitCode : interrupted ? ExitCode.interrupted : ExitCode.bug;
      run.end({ exitCode, state: interrupted ? "interrupted" : "failed", resume: again });
      throw error;
    } finally {
      for (const close of closers.toReversed()) await close();
    }
  },
  human: ingestReport,
});

function collectionOf(flagged: string | undefined, cluster: ClusterConfig): string {
  const collection = flagged ?? cluster.store.collection;
  if (collection) return collection;
  throw usageError([{ path: "--collection", message: `is required: cluster ${cluster.name} names no collection of its own` }], {
    hint: "for example --collection docs; it is made where it is not there",
  });
}

function exitCodeOf(result: IngestResult, runtime: Runtime): ExitCode {
  if (result.interrupted) {
    const { reason } = runtime.signal;
    return reason instanceof Interrupted && reason.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted;
  }
  return result.documents.dead > 0 ? ExitCode.failed : ExitCode.ok;
}

function nextOf(result: IngestResult, again: string): string[] {
  const { documents } = result;
  if (result.interrupted) return [again];
  // A collection without points can be asked nothing.
  return documents.dead > 0 || documents.ok + documents.unchanged === 0
    ? []
    : [`ragctl load --rps 100 --collection ${result.collection}`];
}

/** A word as a shell takes it. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
