import type { ConfigCheckResult, InitResult } from "../config/result.ts";
import { formatProblem } from "../errors.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

export function configCheckReport(result: ConfigCheckResult, style: Style): string {
  const rows = result.clusters.map(({ name, topology, driver, nodes, protected: guarded }) => [
    name === result.default ? style.bold(name) : name,
    topology,
    driver,
    String(nodes.length),
    [name === result.default ? "default" : "", guarded ? "protected" : ""].filter(Boolean).join(", "),
  ]);
  const columns = [
    { header: "cluster", flexible: true },
    { header: "topology" },
    { header: "store" },
    { header: "nodes", align: "right" as const },
    { header: "" },
  ];
  const consistency = result.clusters.flatMap((cluster) =>
    cluster.consistency ? [wrap(`${cluster.name}: ${cluster.consistency.sentence}.`, style.columns)] : [],
  );
  return [
    `${style.good("ok")} ${result.file}${result.source === "local" ? " (written by ragctl up)" : ""}`,
    "",
    table(columns, rows, style),
    ...(consistency.length > 0 ? ["", ...consistency] : []),
    ...result.warnings.map((warning) => wrap(`${style.warn("warning:")} ${formatProblem(warning)}`, style.columns)),
  ].join("\n");
}

export function initReport({ file, overwritten, found }: InitResult, style: Style): string {
  const what = { qdrant: "Qdrant", redis: "Redis", local: "ragctl up" };
  return [
    ...(found.length === 0 ? ["nothing answers on the usual ports of this machine: wrote an example"] : []),
    ...found.map(({ what: kind, where, detail }) => `found ${style.bold(what[kind])} at ${where}: ${detail}`),
    `${style.good(overwritten ? "rewrote" : "wrote")} ${file}`,
  ].join("\n");
}

/** Breaks a sentence between words so that no line is wider, further lines indented by two. */
function wrap(text: string, columns: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && longer.length > columns) {
      lines.push(line);
      line = `  ${word}`;
    } else line = longer;
  }
  return [...lines, line].join("\n");
}
