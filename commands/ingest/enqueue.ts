import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, usageError } from "../../src/errors.ts";
import { enqueueSchema } from "../../src/ingest/queue/result.ts";
import { enqueueReport } from "../../src/report/ingest-queue.ts";
import { formatCount, plural } from "../../src/units.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { collectionOf } from "./collection.ts";
import { queueFlag } from "./queue-flag.ts";
import { chunkOptions, readerOptions, readingFlags } from "./reading.ts";
import { collectionWishes, writingFlags } from "./writing.ts";

const { acks: _acks, ...writing } = writingFlags;

export default defineCommand({
  details:
    "Cuts the input into stretches of files and puts them on a queue in Redis, from which any number of ragctl ingest worker processes, on any " +
    "machines that see the same files under the same paths, take them. Files of records are read once for it; workers begin meanwhile. " +
    "Enqueueing the same input again does the work again, and changes nothing.",
  positionals: [{ name: "path", description: "files, folders, patterns", variadic: true }],
  flags: {
    queue: queueFlag,
    collection: flag.collection({ description: "made where it is not there (default: the config's)" }),
    ...readingFlags,
    ...writing,
    itemsPerJob: flag.positive({ description: "records of one job at most", default: 2_000 }),
    attempts: flag.positive({ description: "before a job is given up on", default: 5 }),
    retry: flag.boolean({ description: "in place of paths: the jobs that were given up on, once more" }),
  },
  examples: [
    ["ragctl ingest enqueue corpus/ --queue redis://queue:6379 --collection docs", "the work of a folder, for workers"],
    ["ragctl ingest enqueue --retry --queue redis://queue:6379", "what had been given up on, after its cause is gone"],
  ],
  resultSchema: enqueueSchema,
  async run({ positionals, flags }, context) {
    const { runtime, globals, note } = context;
    const problems = [];
    if (positionals.length === 0 && !flags.retry) problems.push({ path: "path", message: "must be given, unless --retry is" });
    if (positionals.length > 0 && flags.retry) problems.push({ path: "--retry", message: "takes no paths" });
    if (positionals.includes("-"))
      problems.push({ path: "path", message: "standard input cannot be enqueued: no worker could read it" });
    if (problems.length > 0) throw usageError(problems);
    const [{ listInputs }, { checkChunkOptions }, { openQueue, queueTarget }, { enqueue, retryFailed }] = await Promise.all([
      import("../../src/ingest/inputs/list.ts"),
      import("../../src/ingest/chunkers/index.ts"),
      import("../../src/ingest/queue/link.ts"),
      import("../../src/ingest/queue/enqueue.ts"),
    ]);
    const { cwd, clock, rng } = runtime;
    const chunk = chunkOptions(flags);
    const wishes = collectionWishes(flags);
    checkChunkOptions(chunk);
    const listing = flags.retry ? undefined : await listInputs(positionals, { cwd, format: flags.format });
    const cluster = await resolveCluster(runtime, globals);
    const collection = flags.retry ? "" : collectionOf(flags.collection, cluster);
    const target = queueTarget(flags.queue, cluster);
    note(clusterLine(runtime, cluster));
    const link = await openQueue(target, cluster.name);
    try {
      const next = [`ragctl ingest worker --queue ${target.shown}`, `ragctl ingest status --queue ${target.shown}`];
      if (!listing) {
        const retried = await retryFailed(link);
        const none = { batch: "", collection, files: 0, jobs: 0, bytes: 0, interrupted: false };
        return { result: { ...none, cluster: cluster.name, queue: target.shown, retried }, next };
      }
      const [{ createEmbedder }, { makeRunId }] = await Promise.all([
        import("../../src/embed/index.ts"),
        import("../../src/runs/index.ts"),
      ]);
      const embedder = await createEmbedder(cluster.embedder, { clock, rng });
      const { name, dim } = embedder;
      await embedder.close();
      const task = context.progress.start("enqueue", { total: listing.totalBytes, unit: "bytes" });
      const result = await enqueue(
        {
          listing,
          batch: {
            id: makeRunId(clock.nowMs(), rng),
            cluster: cluster.name,
            collection,
            embedder: { name, dim },
            reader: readerOptions(flags),
            chunk,
            wishes,
            force: flags.force,
            cwd,
            paths: positionals,
          },
          itemsPerJob: flags.itemsPerJob,
          attempts: flags.attempts,
        },
        {
          link,
          clock,
          signal: runtime.signal,
          onProgress: (bytes, jobs) => task.update(bytes, `${formatCount(jobs)} ${jobs === 1 ? "job" : "jobs"}`),
        },
      ).finally(() => task.end());
      if (listing.dead.length > 0) note(`${plural(listing.dead.length, "file")} could not be looked at, and is not in it`);
      return { result, exitCode: result.interrupted ? ExitCode.interrupted : ExitCode.ok, next };
    } finally {
      link.close();
    }
  },
  human: enqueueReport,
});
