import type { IngestVerifyResult } from "../ingest/verify/result.ts";
import { formatCount, formatDurationMs, plural } from "../units.ts";
import type { Style } from "./style.ts";

const names: Record<IngestVerifyResult["differences"][number]["kind"], string> = {
  "missing-document": "documents of which nothing is stored",
  "missing-chunk": "documents of which a part is missing",
  changed: "documents that are stored otherwise",
  replicas: "documents that not every replica has alike",
  vector: "sampled vectors that differ",
  extra: "points that the input does not explain",
};

/** Whether the collection holds what the input says, and the first of whatever it does not. */
export function ingestVerifyReport(result: IngestVerifyResult, style: Style): string {
  const { documents, chunks, vectors, differences, collection, cluster, verdict } = result;
  const where = `collection ${collection} of cluster ${cluster}`;
  const headline =
    verdict === "same"
      ? `${style.good("the same:")} ${where} holds ${plural(documents.same, "document")} as the input has them`
      : `${style.bad("different:")} ${where} is not what the input says`;
  const row = (name: string, text: string) => `  ${name.padEnd(11)}${text}`;
  const lines = [
    style.bold(headline),
    "",
    row("documents", documentsLine(documents)),
    row("chunks", `${formatCount(chunks.expected)} of the input · ${formatCount(chunks.stored)} stored`),
    row("vectors", `${formatCount(vectors.sampled)} compared · ${formatCount(vectors.different)} differ`),
    row("time", formatDurationMs(result.elapsedMs)),
  ];
  for (const { kind, count, first } of differences) {
    lines.push("", style.bad(`${formatCount(count)} × ${names[kind]}`));
    const place = first.source === null ? "" : ` (${first.source}${first.line === undefined ? "" : `:${first.line}`})`;
    lines.push(`  first: ${first.key}${place}`, `  ${first.detail}`);
  }
  return lines.join("\n");
}

function documentsLine({ read, same, different, skipped, unreadable }: IngestVerifyResult["documents"]): string {
  return [
    `${formatCount(read)} read`,
    `${formatCount(same)} the same`,
    `${formatCount(different)} different`,
    ...(skipped > 0 ? [`${formatCount(skipped)} without text`] : []),
    ...(unreadable > 0 ? [`${formatCount(unreadable)} unreadable`] : []),
  ].join(" · ");
}
