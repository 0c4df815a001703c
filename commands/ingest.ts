import { ingestResultSchema } from "../src/ingest/result.ts";
import { ingestReport } from "../src/report/ingest.ts";
import { defineCommand } from "./define.ts";
import { flag } from "./flags.ts";
import { chunkOptions, readerOptions, readingFlags } from "./ingest/reading.ts";
import { ingestListing } from "./ingest/run.ts";

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
    ...readingFlags,
    deadLetters: flag.file({ description: "a new file for what could not be ingested (default: in the run's directory)" }),
  },
  examples: [
    ["ragctl ingest docs README.md --collection docs", "a folder of Markdown, and one file more"],
    ["ragctl ingest corpus.jsonl --collection papers --text-field abstract", "JSONL whose text is elsewhere"],
  ],
  resultSchema: ingestResultSchema,
  async run({ positionals, flags }, context) {
    const [{ listInputs }, { checkChunkOptions }] = await Promise.all([
      import("../src/ingest/inputs/list.ts"),
      import("../src/ingest/chunkers/index.ts"),
    ]);
    const chunk = chunkOptions(flags);
    checkChunkOptions(chunk);
    const { cwd } = context.runtime;
    const listing = await listInputs(positionals, { cwd, format: flags.format });
    return await ingestListing({ listing, reader: readerOptions(flags), chunk }, flags, context);
  },
  human: ingestReport,
});
