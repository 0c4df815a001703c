import type { TargetsResult } from "../faults/result.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

type Row = TargetsResult["targets"][number];

/** Faults down, nodes across, those that are alike in one column; below it, why something is not possible. */
export function targetsReport({ cluster, targets }: TargetsResult, style: Style): string {
  const groups = [...Map.groupBy(targets, answerOf).values()];
  const names = [...new Set(targets.flatMap(({ faults }) => faults.map(({ fault }) => fault)))];
  const columns = [{ header: "fault" }, ...groups.map((group) => ({ header: nodesOf(group), flexible: group.length > 1 }))];
  const rows = names.map((name) => [name].concat(groups.map((group) => cellOf(group[0]!, name, style))));
  return [
    style.bold(`faults of ${cluster}, and what each would act through`),
    table(columns, rows, style),
    ...reasons(targets, style),
  ].join("\n");
}

function answerOf({ role, faults }: Row): string {
  return JSON.stringify([role, faults.map(({ by }) => by)]);
}

function cellOf({ faults }: Row, name: string, style: Style): string {
  const found = faults.find(({ fault }) => fault === name);
  if (!found) return "";
  return found.by === null ? style.dim("–") : style.good(found.by);
}

/** Each reason once, with whom and what it stands against. */
function reasons(targets: readonly Row[], style: Style): string[] {
  const all = targets.flatMap((row) =>
    row.faults.flatMap(({ fault, why }) =>
      why.map(({ reason }) => ({ node: row.id, fault, reason: reason.replaceAll(row.id, "it") })),
    ),
  );
  if (all.length === 0) return [];
  const byReason = [...Map.groupBy(all, ({ reason }) => reason)];
  return [
    "",
    style.bold("not possible:"),
    ...byReason.map(([reason, those]) => {
      const what = [...new Set(those.map(({ fault }) => fault))].join(", ");
      const where = [...new Set(those.map(({ node }) => node))].join(", ");
      return `  ${what} on ${where}\n    ${style.dim(reason)}`;
    }),
  ];
}

function nodesOf(group: readonly Row[]): string {
  return group.map(({ id }) => id).join(", ");
}
