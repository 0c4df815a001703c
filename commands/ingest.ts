import { ingestResultSchema } from "../src/ingest/result.ts";
import { ingestReport } from "../src/report/ingest.ts";
import { usageError } from "../src/errors.ts";
import { defineCommand } from "./define.ts";
import { flag, type FlagValues } from "./flags.ts";
import { chunkOptions, readerOptions, readingFlags } from "./ingest/reading.ts";
import { readResumed } from "./ingest/resume.ts";
import { ingestListing } from "./ingest/run.ts";
import { collectionWishes, writingFlags } from "./ingest/writing.ts";

const flags = {
  collection: flag.collection({ description: "made where it is not there (default: the config's)" }),
  ...readingFlags,
  ...writingFlags,
  deadLetters: flag.file({ description: "a new file for what could not be ingested (default: in the run's directory)" }),
  resume: flag.boolean({ description: "go on with a run that stopped: the one named in place of paths, or the latest" }),
};

export default defineCommand({
  details:
    "Takes JSONL (an object a line), Markdown and text; a folder with everything readable below it, hidden files apart. What the cluster already " +
    "holds is skipped, chunks that vanished from a document are deleted: a second run of the same input changes nothing, and a run that was " +
    "stopped goes on when it is started again. Documents without text are skipped; records that are broken, or cannot be stored, go to a " +
    "dead-letter file with their reason, and the exit code is 4.\n\n" +
    "The embedder is the cluster's; without one, feature hashing into 384 dimensions: lexical, not semantic. It finds texts that share words; " +
    "docs/embedding.md says how well, and when to name a model instead.",
  positionals: [{ name: "path", description: "files and folders", variadic: true }],
  flags,
  examples: [
    ["ragctl ingest docs README.md --collection docs", "a folder of Markdown, and one file more"],
    ["ragctl ingest corpus.jsonl --collection papers --text-field abstract", "JSONL whose text is elsewhere"],
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
    const chunk = chunkOptions(asked);
    const wishes = collectionWishes(asked);
    checkChunkOptions(chunk);
    const cwd = resumed?.cwd ?? runtime.cwd;
    const listing = await listInputs(positionals, { cwd, format: asked.format });
    return await ingestListing({ listing, reader: readerOptions(asked), chunk, wishes, force: asked.force }, asked, context, {
      said: { positionals, flags: asked },
      cwd,
      resumed,
    });
  },
  human: ingestReport,
});
