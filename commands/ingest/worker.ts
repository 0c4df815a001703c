import { hostname } from "node:os";
import { join } from "node:path";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode } from "../../src/errors.ts";
import { workerSchema } from "../../src/ingest/queue/result.ts";
import { workerReport } from "../../src/report/ingest-queue.ts";
import { Interrupted } from "../../src/runtime.ts";
import { plural } from "../../src/units.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { queueFlag } from "./queue-flag.ts";
import { withAcks } from "./writing.ts";

export default defineCommand({
  details:
    "Takes what ragctl ingest enqueue has put on the queue, and runs it through the pipeline of ragctl ingest. Start as many as there are machines; each " +
    "wants the same config and the same files. One that is killed costs a quarter of a minute: its job goes to another, and what it had done is found " +
    "unchanged. Ctrl-C finishes what is in hand; once more gives it back.",
  flags: {
    queue: queueFlag,
    concurrency: flag.positive({ description: "jobs in hand at once", default: 1 }),
    acks: flag.positive({ description: "replicas that must have a chunk before it counts (default: the config's minAcks)" }),
    untilEmpty: flag.boolean({ description: "end when nothing waits and nobody works" }),
    patience: flag.positiveDurationMs({ description: "how long the queue's Redis may be away", default: 15_000 }),
  },
  examples: [
    ["ragctl ingest worker --queue redis://queue:6379", "on each machine, until Ctrl-C"],
    ["ragctl ingest worker --queue redis://queue:6379 --until-empty", "for CI: ends with the work"],
  ],
  resultSchema: workerSchema,
  async run({ flags }, context) {
    const { runtime, globals, note, warn } = context;
    const cluster = withAcks(await resolveCluster(runtime, globals), flags.acks);
    note(clusterLine(runtime, cluster));
    const [{ openQueue, queueTarget }, { runWorker }, { connectCluster }, { createEmbedder }, { makeRunId }] = await Promise.all([
      import("../../src/ingest/queue/link.ts"),
      import("../../src/ingest/queue/worker.ts"),
      import("../../src/cluster/index.ts"),
      import("../../src/embed/index.ts"),
      import("../../src/runs/index.ts"),
    ]);
    const { clock, rng, cwd, pid } = runtime;
    const closers: (() => unknown)[] = [];
    const task = context.progress.start("worker", {});
    try {
      const link = await openQueue(queueTarget(flags.queue, cluster), cluster.name, { patient: true });
      closers.push(() => link.close());
      const embedder = await createEmbedder(cluster.embedder, {
        clock,
        rng,
        warn,
        memoDir: join(runtime.stateDir, "embeddings"),
      });
      closers.push(() => embedder.close());
      const client = await connectCluster(cluster, { clock, rng, purpose: "ingest worker", cwd });
      closers.push(() => client.close());
      const result = await runWorker(
        {
          id: `${hostname()}-${pid}-${makeRunId(clock.nowMs(), rng).slice(-4)}`,
          host: hostname(),
          pid,
          concurrency: flags.concurrency,
          untilEmpty: flags.untilEmpty,
          patienceMs: flags.patience,
        },
        {
          link,
          client,
          embedder,
          clock,
          signal: runtime.signal,
          hardSignal: runtime.hardSignal,
          note,
          onProgress: ({ jobs, documents, chunks }) =>
            task.update(jobs, `${plural(documents, "document")}, ${plural(chunks, "chunk")}`),
        },
      );
      return { result, exitCode: result.ended === "empty" ? ExitCode.ok : interruptedBy(runtime.signal) };
    } finally {
      task.end();
      for (const close of closers.toReversed()) await close();
    }
  },
  human: workerReport,
});

function interruptedBy({ reason }: AbortSignal): ExitCode {
  return reason instanceof Interrupted && reason.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted;
}
