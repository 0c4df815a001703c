import { resolve } from "node:path";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, usageError } from "../../src/errors.ts";
import type { QueueLink } from "../../src/ingest/queue/link.ts";
import { ingestStatusSchema, type IngestStatusResult } from "../../src/ingest/queue/result.ts";
import { ingestStatusReport } from "../../src/report/ingest-queue.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { queueFlag } from "./queue-flag.ts";

const watchEveryMs = 2_000;

export default defineCommand({
  details:
    "What each name stands for, on ragctl's side and on every node, with the releases behind it; and of the work queue: what waits, how fast it " +
    "goes, which workers are there or stalled, and what was given up on. A switch that a dead process left is finished or undone on the way. " +
    "Exit code 4 where something was given up on, 5 where a switch is not on every node yet.",
  flags: {
    collection: flag.collection({ description: "this alias alone" }),
    queue: queueFlag,
    deadLetters: flag.file({ description: "write the queue's dead records to this new file, for ragctl ingest retry" }),
    watch: flag.boolean({ description: "say it again every two seconds, until Ctrl-C or until nothing is left" }),
  },
  examples: [
    ["ragctl ingest status", "aliases and releases; the queue, where the config names one"],
    ["ragctl ingest status --queue redis://queue:6379 --watch", "how far the workers are"],
  ],
  resultSchema: ingestStatusSchema,
  async run({ flags }, context) {
    const { runtime, globals, note, style } = context;
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    const [{ openReleases }, { releaseStatus }, { findQueue, openQueue }, { queueStatus }] = await Promise.all([
      import("../../src/releases/access.ts"),
      import("../../src/releases/status.ts"),
      import("../../src/ingest/queue/link.ts"),
      import("../../src/ingest/queue/status.ts"),
    ]);
    const target = findQueue(flags.queue, cluster);
    if (flags.deadLetters !== undefined && !target)
      throw usageError([{ path: "--dead-letters", message: "are of the queue, which neither --queue nor the config names" }]);
    const link = target && (await openQueue(target, cluster.name));
    const access = await openReleases(cluster, runtime);
    try {
      for (;;) {
        const [aliases, queue] = await Promise.all([
          releaseStatus(access, flags.collection),
          link ? queueStatus(link, runtime.clock) : null,
        ]);
        const result: IngestStatusResult = { cluster: cluster.name, aliases, queue, deadLettersFile: null };
        const left = queue === null ? 0 : queue.jobs.waiting + queue.jobs.active + queue.jobs.delayed;
        if (!flags.watch || left === 0 || runtime.signal.aborted) {
          if (flags.deadLetters !== undefined && link)
            result.deadLettersFile = await writeDead(link, resolve(runtime.cwd, flags.deadLetters));
          return { result, exitCode: exitCodeOf(result) };
        }
        note(ingestStatusReport(result, style));
        await runtime.clock.sleep(watchEveryMs, runtime.signal).catch(() => undefined);
      }
    } finally {
      await access.close();
      link?.close();
    }
  },
  human: ingestStatusReport,
});

function exitCodeOf({ aliases, queue }: IngestStatusResult): ExitCode {
  if (aliases.some(({ switching, settled }) => switching?.phase === "committing" || settled === "unfinished"))
    return ExitCode.unhealed;
  return queue && (queue.jobs.failed > 0 || queue.deadLetters.records > 0) ? ExitCode.failed : ExitCode.ok;
}

/** One file of dead letters, of the latest batch that has any. @returns null where there are none */
async function writeDead(link: QueueLink, file: string): Promise<string | null> {
  const [{ readDead }, { readBatches }, { openDeadLetters }] = await Promise.all([
    import("../../src/ingest/queue/status.ts"),
    import("../../src/ingest/queue/link.ts"),
    import("../../src/ingest/dead-letters.ts"),
  ]);
  const dead = await readDead(link);
  const batch = (await readBatches(link)).find(({ id }) => dead.some(({ job }) => job.startsWith(`${id}-`)));
  if (!batch) return null;
  const { id, cluster, collection, cwd, reader, chunk } = batch;
  const letters = await openDeadLetters(file, { run: id, cluster, collection, cwd, reader, chunk });
  try {
    for (const { job, records } of dead) if (job.startsWith(`${id}-`)) for (const record of records) letters.write(record);
  } finally {
    letters.close();
  }
  return file;
}
