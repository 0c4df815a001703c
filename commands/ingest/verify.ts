import type { Readable } from "node:stream";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode } from "../../src/errors.ts";
import { ingestVerifyResultSchema } from "../../src/ingest/verify/result.ts";
import { ingestVerifyReport } from "../../src/report/ingest-verify.ts";
import { plural } from "../../src/units.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { chunkOptions, readerOptions, readingFlags } from "./reading.ts";
import { collectionOf } from "./collection.ts";

export default defineCommand({
  details:
    "Reads the input as ragctl ingest would, with the same flags, and looks whether the collection holds it: every chunk of every document, " +
    "with the same content, on every replica; sampled vectors as the input or the embedder has them; and nothing else. Writes nothing. " +
    "Exit code 4 where anything differs, with the first of each kind.",
  positionals: [{ name: "path", description: "files, folders, patterns, -", required: true, variadic: true }],
  flags: {
    collection: flag.collection({ description: "that should hold it (default: the config's)" }),
    ...readingFlags,
    sample: flag.count({ description: "vectors to compare", default: 256 }),
    ignoreExtra: flag.boolean({ description: "the collection may hold points of other sources, too" }),
  },
  examples: [["ragctl ingest verify docs README.md --collection docs", "after ragctl ingest of the same"]],
  resultSchema: ingestVerifyResultSchema,
  async run({ positionals, flags }, context) {
    const { runtime, globals, note } = context;
    const { clock, rng, cwd, signal } = runtime;
    const [{ listInputs }, { checkChunkOptions }] = await Promise.all([
      import("../../src/ingest/inputs/list.ts"),
      import("../../src/ingest/chunkers/index.ts"),
    ]);
    const chunk = chunkOptions(flags);
    checkChunkOptions(chunk);
    const listing = await listInputs(positionals, { cwd, format: flags.format, stdin: runtime.stdin.stream as Readable });
    const cluster = await resolveCluster(runtime, globals);
    const collection = collectionOf(flags.collection, cluster);
    note(clusterLine(runtime, cluster));
    const [{ verifyIngest }, { connectCluster }, { createEmbedder }] = await Promise.all([
      import("../../src/ingest/verify/index.ts"),
      import("../../src/cluster/index.ts"),
      import("../../src/embed/index.ts"),
    ]);
    const embedder = await createEmbedder(cluster.embedder, { clock, rng, warn: context.warn });
    const client = await connectCluster(cluster, { clock, rng, purpose: "ingest verify", cwd });
    const task = context.progress.start("verify", { total: listing.totalBytes, unit: "bytes" });
    try {
      const result = await verifyIngest(
        { listing, collection, reader: readerOptions(flags), chunk, sampled: flags.sample, ignoreExtra: flags.ignoreExtra },
        {
          client,
          embedder,
          clock,
          rng,
          signal,
          onProgress: ({ bytes, documents, different }) =>
            task.update(bytes, `${plural(documents, "document")}, ${different} different`),
        },
      );
      const again = `ragctl ingest ${positionals.join(" ")} --collection ${collection}`;
      return result.verdict === "same" ? { result } : { result, exitCode: ExitCode.failed, next: [again] };
    } finally {
      task.end();
      await client.close();
      await embedder.close();
    }
  },
  human: ingestVerifyReport,
});
