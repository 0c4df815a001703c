import type { EnqueueResult, IngestStatusResult, QueueStatus, WorkerResult } from "../ingest/queue/result.ts";
import { formatBytes, formatCount, formatDurationMs, formatPercent, formatRate, plural } from "../units.ts";
import { aliasReport } from "./ingest-release.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

export function enqueueReport(result: EnqueueResult, style: Style): string {
  const { jobs, bytes, files, collection, queue, batch, retried, interrupted } = result;
  if (batch === "")
    return retried === 0
      ? `${style.good("nothing to do:")} no job of ${queue} had been given up on`
      : `${style.good("once more:")} ${plural(retried, "job")} of ${queue}`;
  const what = `${plural(jobs, "job")}, ${formatBytes(bytes)} of ${plural(files, "file")}, for collection ${collection}`;
  if (interrupted) return `${style.warn("interrupted:")} ${what}; the same command begins again, and changes nothing twice`;
  return `${style.good("enqueued:")} ${what} ${style.dim(`(batch ${batch}, ${queue})`)}`;
}

export function workerReport(result: WorkerResult, style: Style): string {
  const { jobs, documents, chunks, elapsedMs, ended } = result;
  const failed = jobs.failed === 0 ? "" : style.warn(`, ${formatCount(jobs.failed)} given back`);
  return [
    `${ended === "empty" ? style.good("the queue is empty:") : style.warn("stopped:")} ${plural(jobs.done, "job")} done${failed} in ${formatDurationMs(elapsedMs)}`,
    "",
    `  documents  ${documentsText(documents, style)}`,
    `  chunks     ${formatCount(chunks.written)} written · ${formatCount(chunks.unchanged)} unchanged · ${formatCount(chunks.deleted)} deleted`,
  ].join("\n");
}

function documentsText({ ok, unchanged, skipped, dead }: WorkerResult["documents"], style: Style): string {
  const parts = [`${formatCount(ok)} stored`, `${formatCount(unchanged)} unchanged`];
  if (skipped > 0) parts.push(style.warn(`${formatCount(skipped)} skipped`));
  if (dead > 0) parts.push(style.bad(`${formatCount(dead)} dead`));
  return parts.join(" · ");
}

/** Aliases with their releases, and the work queue. */
export function ingestStatusReport({ cluster, aliases, queue, deadLettersFile }: IngestStatusResult, style: Style): string {
  const parts: string[] = [];
  if (aliases.length > 0) parts.push(aliasReport(aliases, style));
  if (queue) parts.push(queueReport(queue, style));
  if (deadLettersFile !== null) parts.push(`dead records written to ${deadLettersFile}`);
  if (parts.length === 0) return `cluster ${cluster} has no releases, and no queue is named`;
  return parts.join("\n\n");
}

function queueReport(queue: QueueStatus, style: Style): string {
  const { jobs, rates, batches, workers, deadLetters, leftMs } = queue;
  const counts = [
    `${formatCount(jobs.waiting)} waiting`,
    `${formatCount(jobs.active)} in hand`,
    ...(jobs.delayed > 0 ? [style.warn(`${formatCount(jobs.delayed)} to be tried again`)] : []),
    ...(jobs.failed > 0 ? [style.bad(`${formatCount(jobs.failed)} given up on`)] : []),
  ];
  const lines = [
    `${style.bold("queue")} ${style.dim(queue.queue)}`,
    `  jobs       ${counts.join(" · ")}${leftMs === null ? "" : style.dim(`, ${formatDurationMs(leftMs)} left`)}`,
    `  last min.  ${[perSec(rates.documentsPerSec, "documents"), perSec(rates.chunksPerSec, "chunks"), `${formatBytes(rates.bytesPerSec)}/s`].join(" · ")}`,
  ];
  if (batches.length > 0)
    lines.push(
      "",
      table(
        [
          { header: "batch" },
          { header: "collection", flexible: true },
          { header: "jobs", align: "right" },
          { header: "done", align: "right" },
          { header: "chunks", align: "right" },
          { header: "dead", align: "right" },
        ],
        batches.map(({ id, collection, jobs, bytes, chunks, documents, complete }) => [
          id,
          collection,
          `${formatCount(jobs.done)}/${formatCount(jobs.total)}${complete ? "" : "+"}`,
          formatPercent(bytes.total === 0 ? 1 : Math.min(1, bytes.done / bytes.total)),
          formatCount(chunks.written + chunks.unchanged),
          documents.dead === 0 ? "0" : style.bad(formatCount(documents.dead)),
        ]),
        style,
      ),
    );
  if (workers.length > 0)
    lines.push(
      "",
      table(
        [
          { header: "worker", flexible: true },
          { header: "state" },
          { header: "in hand", align: "right" },
          { header: "done", align: "right" },
          { header: "given back", align: "right" },
        ],
        workers.map(({ id, state, jobs }) => [
          id,
          state === "stalled" ? style.bad(state) : state,
          formatCount(jobs.active),
          formatCount(jobs.done),
          formatCount(jobs.failed),
        ]),
        style,
      ),
    );
  else if (jobs.waiting + jobs.delayed > 0) lines.push("", style.warn("nobody works on it: start ragctl ingest worker"));
  for (const { id, source, reason, attempts } of deadLetters.jobs)
    lines.push(style.bad(`given up on after ${attempts}: ${id} (${source}): ${reason}`));
  if (deadLetters.records > 0)
    lines.push(
      style.bad(`${plural(deadLetters.records, "dead record")}: --dead-letters FILE writes them down for ragctl ingest retry`),
    );
  return lines.join("\n");
}

function perSec(rate: number, what: string): string {
  return formatRate(rate).replace("/s", ` ${what}/s`);
}
