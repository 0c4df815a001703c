import type { LoadTarget } from "../../load/result.ts";
import { formatBytes, plural } from "../../units.ts";

/** What was loaded, in one line. */
export function targetText(target: LoadTarget): string {
  switch (target.kind) {
    case "http":
      return `${target.method} ${target.url} (${formatBytes(target.bodyBytes)})`;
    case "search":
      return `search of ${target.collection}, k ${target.k}${target.ef === null ? "" : `, ef ${target.ef}`}, on cluster ${target.cluster} (${target.topology}, ${plural(target.nodes.length, "node")}), ${plural(target.queries.count, "query")} from ${target.queries.from}`;
    case "profile":
      return `profile ${target.profile}${target.cluster === null ? "" : ` on cluster ${target.cluster}${target.topology === null ? "" : ` (${target.topology}, ${plural(target.nodes.length, "node")})`}`}: ${target.scenarios.map(({ name, does }) => (name === does ? name : `${name}, ${does}`)).join("; ")}`;
  }
}
