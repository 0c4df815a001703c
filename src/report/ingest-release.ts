import type { AliasStatus, ReleaseOutcome, RollbackResult, SwitchResult, Verification } from "../releases/result.ts";
import { formatCount, formatPercent, plural } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const row = (name: string, text: string) => `  ${name.padEnd(11)}${text}`;

/** What became of the release that an ingest built. */
export function releaseLines(release: ReleaseOutcome, style: Style): string[] {
  const { alias, collection, verification, switch: switched, reason, dropped } = release;
  const lines = [row("release", collection)];
  if (verification) lines.push(...verificationLines(verification, style));
  if (switched) lines.push(...switchLines(switched, style));
  else {
    lines.push(row("alias", style.bad(`${alias} was not switched`)));
    for (const problem of verification?.problems ?? [reason ?? ""]) lines.push(row("", problem));
  }
  if (dropped.length > 0) lines.push(row("dropped", style.dim(dropped.join(", "))));
  return lines;
}

function verificationLines({ ok, points, replicas, recall, k, minRecall }: Verification, style: Style): string[] {
  const asked = recall.filter(({ recall }) => recall !== null);
  const worst = asked.length === 0 ? undefined : Math.min(...asked.map(({ recall }) => recall!));
  const parts = [
    plural(points, "point"),
    ...(replicas ? [replicas.missing + replicas.orphaned + replicas.different === 0 ? "replicas equal" : "replicas differ"] : []),
    ...(worst === undefined ? [] : [`recall@${k} ${formatPercent(worst)} at least (${formatPercent(minRecall)} wanted)`]),
  ];
  return [row("verified", ok ? style.good(parts.join(" · ")) : style.bad(parts.join(" · ")))];
}

function switchLines({ alias, from, to, nodes }: SwitchResult, style: Style): string[] {
  const waiting = nodes.filter(({ state }) => state === "waiting");
  const where =
    waiting.length === 0
      ? `on ${plural(nodes.length, "node")}`
      : `on ${nodes.length - waiting.length} of ${plural(nodes.length, "node")}`;
  const lines = [row("alias", `${style.bold(alias)}: ${from === null ? "" : `${from} → `}${style.good(to)}, ${where}`)];
  for (const { id, reason } of waiting) lines.push(row("", style.bad(`${id} has the old one still: ${reason ?? "not reached"}`)));
  return lines;
}

export function rollbackReport({ settled, switch: switched }: RollbackResult, style: Style): string {
  return [...(settled ? [settledText(settled, style)] : []), ...switchLines(switched, style)].join("\n");
}

function settledText(settled: NonNullable<AliasStatus["settled"]>, style: Style): string {
  const words = {
    undone: style.good("a switch that somebody left undecided was undone"),
    finished: style.good("a switch that somebody left was finished"),
    unfinished: style.warn("a switch is decided, and not every node could be told"),
  };
  return `  ${words[settled]}`;
}

/** What each alias stands for, and what is kept behind it. */
export function aliasReport(aliases: readonly AliasStatus[], style: Style): string {
  return aliases.map((alias) => oneAlias(alias, style)).join("\n\n");
}

function oneAlias({ alias, collection, settled, switching, nodes, releases }: AliasStatus, style: Style): string {
  const lines = [`${style.bold(alias)} → ${collection ?? style.dim("nothing yet")}`];
  if (settled) lines.push(settledText(settled, style));
  if (switching)
    lines.push(
      style.warn(
        `  switch to ${switching.to}: ${switching.phase}, ${switching.done.length} of ${plural(switching.nodes.length, "node")}`,
      ),
    );
  for (const { id, collection: held, problem } of nodes)
    if (problem !== null)
      lines.push(style.bad(`  ${problem === "behind" ? `${id} answers with ${held ?? "nothing"}` : problem}`));
  lines.push(
    table(
      [
        { header: "  release", flexible: true },
        { header: "state" },
        { header: "points", align: "right" },
        { header: "built (UTC)" },
      ],
      releases.map(({ collection, state, points, createdAtMs }) => [
        `  ${collection}`,
        state === "serving" ? style.good(state) : state,
        points === null ? "" : formatCount(points),
        new Date(createdAtMs).toISOString().slice(0, 16).replace("T", " "),
      ]),
      style,
    ),
  );
  return lines.join("\n");
}
