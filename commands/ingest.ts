import type { Readable } from "node:stream";
import { ingestResultSchema } from "../src/ingest/result.ts";
import { ingestReport } from "../src/report/ingest.ts";
import { usageError } from "../src/errors.ts";
import { defineCommand } from "./define.ts";
import { flag, type FlagValues } from "./flags.ts";
import { chunkOptions, readerOptions, readingFlags } from "./ingest/reading.ts";
import { checkReleaseFlags, releaseFlags } from "./ingest/release.ts";
import { readResumed } from "./ingest/resume.ts";
import { ingestListing } from "./ingest/run.ts";
import { collectionWishes, writingFlags } from "./ingest/writing.ts";

const flags = {
  collection: flag.collection({ description: "made where it is not there (default: the config's)" }),
  ...readingFlags,
  ...writingFlags,
  ...releaseFlags,
  deadLetters: flag.file({ description: "a new file for what could not be ingested (default: in the run's directory)" }),
  resume: flag.boolean({ description: "go on with a run that stopped: the one named in place of paths, or the latest" }),
};

export default defineCommand({
  details:
    "Takes JSONL (an object a line), CSV, Parquet, Markdown, text, HTML, PDF, DOCX, and vectors (npy, fvecs, HDF5: each row a point), each also as " +
    ".gz or .zst; a folder or pattern with everything readable in it, hidden files apart; - for standard input. A record with a vector is stored " +
    "as one point under its id, without an embedder. What the cluster already holds is skipped, chunks that vanished from a document are deleted: a second run of the same input changes nothing, and a run that was " +
    "stopped goes on when it is started again. Documents without text are skipped; records that are broken, or cannot be stored, go to a " +
    "dead-letter file with their reason, and the exit code is 4.\n\n" +
    "The embedder is the cluster's; without one, feature hashing into 384 dimensions: lexical, not semantic. It finds texts that share words; " +
    "docs/embedding.md says how well, and when to name a model instead.",
  positionals: [{ name: "path", description: "files, folders, patterns, -", variadic: true }],
  flags,
  examples: [
    ["ragctl ingest docs README.md --collection docs", "a folder of Markdown, and one file more"],
    ["ragctl ingest corpus.jsonl --collection papers --text-field abstract", "JSONL whose text is elsewhere"],
    ["zcat dump.gz | ragctl ingest - --format csv --collection docs", "a table from another program"],
    ["ragctl ingest corpus.jsonl --into-new --collection docs", "build the next release of docs, verify it, switch to it"],
    ["ragctl ingest --resume", "go on with the run that stopped last, where its acknowledged writes end"],
  ],
  resultSchema: ingestResultSchema,
  async run(said, context) {
    const { runtime } = context;
    const resumed = said.flags.resume
      ? await readResumed<FlagValues<typeof flags>>(runtime, said.positionals, said.given)
      : undefined;
    const { positionals, flags: asked } = resumed?.input ?? said;
    if (positionals.length === 0)
      throw usageError([{ path: "path", message: "must be given, unless --resume goes on with a run" }]);
    const [{ listInputs }, { checkChunkOptions }] = await Promise.all([
      import("../src/ingest/inputs/list.ts"),
      import("../src/ingest/chunkers/index.ts"),
    ]);
    if (!resumed) checkReleaseFlags(asked, said.given);
    const chunk = chunkOptions(asked);
    const wishes = collectionWishes(asked);
    checkChunkOptions(chunk);
    const cwd = resumed?.cwd ?? runtime.cwd;
    const listing = await listInputs(positionals, { cwd, format: asked.format, stdin: runtime.stdin.stream as Readable });
    return await ingestListing(
      { listing, reader: readerOptions(asked), chunk, wishes, force: asked.force },
      { ...asked, release: asked },
      context,
      {
        said: { positionals, flags: asked },
        cwd,
        resumed,
      },
    );
  },
  human: ingestReport,
});
