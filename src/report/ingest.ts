import type { IngestProgress, IngestResult } from "../ingest/result.ts";
import { formatCount, formatDurationMs, formatPercent, formatRate, plural } from "../units.ts";
import { releaseLines } from "./ingest-release.ts";
import type { Style } from "./style.ts";

/** What became of every document, and where the time went. */
export function ingestReport(result: IngestResult, style: Style): string {
  const { documents, chunks, rates, elapsedMs, deadLetters } = result;
  const row = (name: string, text: string) => `  ${name.padEnd(11)}${text}`;
  const part = (count: number, what: string, paint: (text: string) => string = (text) => text) =>
    count === 0 ? style.dim(`0 ${what}`) : paint(`${formatCount(count)} ${what}`);
  const lines = [
    style.bold(headline(result, style)),
    "",
    ...earlierLines(result).map((text) => row("resumed", text)),
    row(
      "documents",
      [
        part(documents.ok, "stored"),
        part(documents.unchanged, "unchanged"),
        part(documents.skipped, "skipped", (text) => style.warn(text)),
        part(documents.dead, "dead", (text) => style.bad(text)),
      ].join(" · "),
    ),
    row(
      "chunks",
      [part(chunks.written, "written"), part(chunks.unchanged, "unchanged"), part(chunks.deleted, "deleted")].join(" · "),
    ),
    row(
      "time",
      `${formatDurationMs(elapsedMs)} · ${perSec(rates.documentsPerSec, "documents")} · ${perSec(rates.chunksPerSec, "chunks")}`,
    ),
    row("busy", style.dim(result.stages.map(({ name, busy }) => `${name} ${formatPercent(Math.min(1, busy))}`).join(" · "))),
    row("embedder", style.dim(embedderLine(result))),
  ];
  if (documents.skipped > 0) lines.push(row("skipped", `without text: ${skippedList(result)}`));
  if (deadLetters.count > 0) {
    lines.push(row("dead", deadLetters.file ?? ""));
    for (const { reason, count } of deadLetters.reasons.slice(0, 10))
      lines.push(row("", style.bad(`${formatCount(count)} × ${reason}`)));
    const more = deadLetters.reasons.length - 10;
    if (more > 0) lines.push(row("", style.dim(`and ${plural(more, "other reason")}`)));
  }
  if (result.release) lines.push(...releaseLines(result.release, style));
  return lines.join("\n");
}

function embedderLine({ embedder, embeddings }: IngestResult): string {
  const kept = embeddings ? ` · ${formatCount(embeddings.made)} embedded, ${formatCount(embeddings.remembered)} known` : "";
  return `${embedder.name}, ${embedder.dim} dimensions${kept}`;
}

/** `761 documents/s`. */
function perSec(rate: number, what: string): string {
  return formatRate(rate).replace("/s", ` ${what}/s`);
}

/** `1,200 documents, 1,512 chunks · 480/s · slowest now: embed · 2 min left`, of the last seconds. */
export function ingestProgressNote(progress: IngestProgress): string {
  const { documents, chunks, dead, chunksPerSec, bottleneck, leftMs } = progress;
  return [
    `${plural(documents, "document")}, ${plural(chunks, "chunk")}`,
    ...(dead > 0 ? [`${formatCount(dead)} dead`] : []),
    ...(chunksPerSec === undefined ? [] : [formatRate(chunksPerSec)]),
    ...(bottleneck === undefined ? [] : [`slowest now: ${bottleneck}`]),
    ...(leftMs === undefined ? [] : [`${formatDurationMs(leftMs)} left`]),
  ].join(" · ");
}

function earlierLines({ resumed, changedSince }: IngestResult): string[] {
  if (changedSince !== null) return [`from the beginning: ${changedSince} changed since`];
  if (!resumed) return [];
  const { ok, unchanged, skipped, dead } = resumed.documents;
  const before = `${plural(ok + unchanged + skipped + dead, "document")} were done by run ${resumed.run}`;
  return [dead > 0 ? `${before}, ${formatCount(dead)} of them dead` : before];
}

function headline(result: IngestResult, style: Style): string {
  const { interrupted, documents, chunks, collection, cluster, created } = result;
  const where = `${created ? "the new " : ""}collection ${collection} of cluster ${cluster}`;
  const what = `${plural(documents.read, "document")} read into ${where}`;
  if (interrupted) return `${style.warn("interrupted:")} ${what}; the same command goes on`;
  if (documents.dead > 0) return `${style.bad("not all:")} ${what}`;
  if (chunks.written + chunks.deleted > 0) return `${style.good("done:")} ${what}`;
  const skipped = documents.skipped > 0 ? `${plural(documents.skipped, "document")} skipped: no text` : "";
  if (documents.unchanged > 0)
    return `${style.good("nothing to do:")} ${plural(documents.unchanged, "document")} of ${where} as before${skipped && `; ${skipped}`}`;
  const nothing = created ? `nothing was written, and ${where} is empty` : `nothing was written to ${where}`;
  return `${style.warn("nothing to store:")} ${skipped || `no documents in ${plural(result.files.read, "file")}`}; ${nothing}`;
}

function skippedList({ skipped, documents }: IngestResult): string {
  const shown = skipped.slice(0, 5).map(({ source, line, id }) => (line === undefined ? source : `${source}:${line} (id ${id})`));
  const more = documents.skipped - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${formatCount(more)} more` : ""}`;
}
