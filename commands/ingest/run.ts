import { join, resolve } from "node:path";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, RagctlError, usageError } from "../../src/errors.ts";
import type { ReaderName } from "../../src/ingest/contract.ts";
import type { IngestSpec } from "../../src/ingest/index.ts";
import type { IngestBegin } from "../../src/ingest/journal/resume.ts";
import type { IngestResult } from "../../src/ingest/result.ts";
import { ingestProgressNote } from "../../src/report/ingest.ts";
import { Interrupted, type Runtime } from "../../src/runtime.ts";
import type { CommandContext, GlobalFlags, Outcome } from "../define.ts";
import { collectionOf } from "./collection.ts";
import { beginReleaseRun, confirmRelease, releaseExitCode, type ReleaseFlags } from "./release.ts";
import type { Resumed, SaidInput } from "./resume.ts";
import { withAcks } from "./writing.ts";

/** Where it goes, beside the global flags. */
interface WritingFlags {
  collection: string | undefined;
  deadLetters: string | undefined;
  /** Of all files, whatever their names. */
  format?: ReaderName | undefined;
  /** What names of files in dead letters are relative to (default: the working directory). */
  sourcesFrom?: string;
  /** Absent: what the config says. */
  acks?: number | undefined;
  /** Of `--into-new`; absent: into the collection itself. */
  release?: ReleaseFlags | undefined;
}

/** A run that can be gone on with: what was said, and what it goes on from itself. */
interface Begun {
  said: SaidInput<unknown>;
  cwd: string;
  resumed: Pick<Resumed<unknown>, "run" | "cluster" | "collection" | "state"> | undefined;
}

/** One ingest run of what has been listed: of files, or of dead letters. */
export async function ingestListing(
  input: Omit<IngestSpec, "collection">,
  flags: WritingFlags,
  context: CommandContext,
  begun?: Begun,
): Promise<Outcome<IngestResult>> {
  const { runtime, globals, note, warn } = context;
  const cluster = withAcks(await resolveCluster(runtime, globals), flags.acks);
  const resumed = begun?.resumed;
  if (resumed && resumed.cluster !== cluster.name)
    throw usageError([
      { path: "--cluster", message: `run ${resumed.run} was of cluster ${resumed.cluster}; this is ${cluster.name}` },
    ]);
  const collection = collectionOf(flags.collection, cluster);
  note(clusterLine(runtime, cluster));
  await confirmRelease(flags.release ?? {}, collection, cluster, context);

  const [
    { runIngest },
    { openDeadLetters },
    { connectCluster },
    { createEmbedder },
    { openRun },
    { runJournal },
    { beginEvent },
  ] = await Promise.all([
    import("../../src/ingest/index.ts"),
    import("../../src/ingest/dead-letters.ts"),
    import("../../src/cluster/index.ts"),
    import("../../src/embed/index.ts"),
    import("../../src/runs/index.ts"),
    import("../../src/ingest/journal/writer.ts"),
    import("../../src/ingest/journal/resume.ts"),
  ]);
  const { clock, rng, cwd } = runtime;
  const run = openRun(runtime, {
    command: "ingest",
    cluster: cluster.name,
    resume: begun ? resumeLine(globals) : sameLine(runtime),
    warn,
  });
  const again = begun ? resumeLine(globals).replace("{id}", run.id) : sameLine(runtime);
  // A run that is gone on with keeps what it has written down; the rest goes to a file of its own.
  const deadFile =
    flags.deadLetters === undefined || resumed ? join(run.dir, "dead-letters.jsonl") : resolve(cwd, flags.deadLetters);
  const closers: (() => unknown)[] = [];
  const task = context.progress.start("ingest", { total: input.listing.totalBytes, unit: "bytes", rate: false, eta: false });
  try {
    const deadLetters = await openDeadLetters(deadFile, {
      run: run.id,
      cluster: cluster.name,
      collection,
      cwd: begun?.cwd ?? flags.sourcesFrom ?? cwd,
      format: flags.format,
      reader: input.reader,
      chunk: input.chunk,
    });
    closers.push(() => deadLetters.close());
    const embedder = await createEmbedder(cluster.embedder, { clock, rng, warn, memoDir: join(runtime.stateDir, "embeddings") });
    closers.push(() => embedder.close());
    const client = await connectCluster(cluster, { clock, rng, purpose: "ingest", cwd });
    closers.push(() => client.close());
    const release = flags.release?.intoNew
      ? await beginReleaseRun(flags.release, { alias: collection, begun: resumed?.collection, cluster, client, run }, context)
      : undefined;
    if (release) closers.push(() => release.close());
    const target = release?.collection ?? collection;
    const journal = begun && runJournal(run);
    if (journal) closers.push(() => journal.close());
    if (begun)
      run.event(
        {
          kind: "ingest",
          name: beginEvent,
          phase: "start",
          detail: {
            input: begun.said,
            cwd: begun.cwd,
            cluster: cluster.name,
            collection: target,
            // What is not known to be done of it is not counted on.
            ...(resumed?.state ? { continues: resumed.run } : {}),
            ...(resumed ? { takesOver: resumed.run } : {}),
          } satisfies IngestBegin,
        },
        { durable: true },
      );
    run.event({
      kind: "step",
      name: "ingest",
      phase: "start",
      detail: { collection: target, files: input.listing.files.length },
    });
    const ingested = await runIngest(
      {
        ...input,
        collection: target,
      },
      {
        client,
        embedder,
        clock,
        signal: runtime.signal,
        hardSignal: runtime.hardSignal,
        runId: run.id,
        deadLetters,
        ...(journal ? { journal } : {}),
        resume: resumed?.state,
        onProgress: (progress) => task.update(progress.bytes, ingestProgressNote(progress)),
      },
    );
    task.end();
    const outcome = await release?.finish(ingested);
    const result: IngestResult = outcome ? { ...ingested, release: outcome } : ingested;
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
    // What was asked for wrongly is not gone on with, but asked for anew.
    const resume = exitCode === ExitCode.usage || exitCode === ExitCode.refused ? {} : { resume: again };
    run.end({ exitCode, state: interrupted ? "interrupted" : "failed", ...resume });
    throw error;
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

function exitCodeOf(result: IngestResult, runtime: Runtime): ExitCode {
  if (result.interrupted) {
    const { reason } = runtime.signal;
    return reason instanceof Interrupted && reason.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted;
  }
  const released = result.release ? releaseExitCode(result.release) : ExitCode.ok;
  if (released !== ExitCode.ok) return released;
  return result.documents.dead > 0 && !result.release ? ExitCode.failed : ExitCode.ok;
}

function nextOf(result: IngestResult, again: string): string[] {
  const { documents, release, deadLetters } = result;
  if (result.interrupted) return [again];
  if (release?.switch)
    return [`ragctl ingest status --collection ${release.alias}`, `ragctl ingest rollback --collection ${release.alias}`];
  if (deadLetters.file !== null) return [`ragctl ingest retry ${shellWord(deadLetters.file)}`];
  // A collection without points can be asked nothing.
  return documents.ok + documents.unchanged === 0 ? [] : [`ragctl load --rps 100 --collection ${result.collection}`];
}

/** The command line that was typed. */
function sameLine({ argv }: Runtime): string {
  return `ragctl ${argv.map(shellWord).join(" ")}`;
}

/** `{id}` stands for the run. */
function resumeLine({ config, cluster }: GlobalFlags): string {
  const where = [...(config ? ["--config", shellWord(config)] : []), ...(cluster ? ["--cluster", shellWord(cluster)] : [])];
  return ["ragctl ingest --resume {id}", ...where].join(" ");
}

/** A word as a shell takes it. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
