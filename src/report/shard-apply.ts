import type { ShardApplyResult, ShardReverseResult } from "../migration/result.ts";
import { formatBytes, formatDurationMs, formatPercent, formatRate, plural } from "../units.ts";
import type { Style } from "./style.ts";

/** What an apply did, and what is left. */
export function shardApplyReport(result: ShardApplyResult, style: Style): string {
  const { planId, collection, cluster, steps, points, bytes, epoch, elapsedMs, state, resumed, notes } = result;
  const row = (name: string, text: string) => `  ${name.padEnd(9)}${text}`;
  const what = `${planId}, collection ${collection} of cluster ${cluster}`;
  const rate = elapsedMs > 0 ? ` · ${formatRate((points / elapsedMs) * 1000)}` : "";
  const lines = [
    style.bold(headline(state, steps, what, style)),
    "",
    row("steps", `${steps.done} of ${steps.total}${resumed ? style.dim(", begun earlier") : ""}`),
    row("copied", `${plural(points, "point")} · ${formatBytes(bytes)}${points > 0 ? rate : ""}`),
    row("time", formatDurationMs(elapsedMs)),
    ...(epoch === null ? [] : [row("epoch", String(epoch))]),
  ];
  const shown = notes.slice(-5);
  if (notes.length > shown.length) lines.push(row("", style.dim(`${notes.length - shown.length} notes before these`)));
  for (const note of shown) lines.push(row("note", style.dim(note)));
  return lines.join("\n");
}

function headline(state: ShardApplyResult["state"], steps: ShardApplyResult["steps"], what: string, style: Style): string {
  if (state === "interrupted") return `${style.warn("stopped between steps:")} ${what}`;
  if (state === "aborted")
    return steps.done === 0
      ? `${style.good("taken back:")} ${what}`
      : `${style.warn("taken back but for what had been cut over:")} ${what}`;
  return `${style.good("done:")} ${what}`;
}

/** What applying would do, in one sentence, for the question before it. */
export function blastRadiusText(plan: {
  collection: string;
  price: { points: number; bytes: number };
  steps: readonly {
    kind: string;
    to?: string | undefined;
    owners?: readonly string[] | undefined;
    copiesDuring?: number | undefined;
  }[];
}): string {
  const { points, bytes } = plan.price;
  if (plan.steps.some(({ kind }) => kind === "rekey" || kind === "build"))
    return `copying ${plural(points, "point")} (${formatBytes(bytes)}) of ${plan.collection} into a second collection, which then takes its place`;
  if (plan.steps.some(({ kind }) => kind === "drop-layout"))
    return `giving up the layout that is being built beside ${plan.collection}, with no point of it moved`;
  const moves = plan.steps.filter(({ kind }) => kind !== "settle");
  if (moves.length === 0) return `changing what searches of ${plan.collection} ask, with no point moved`;
  const targets = [...new Set(moves.flatMap(({ to, owners = [] }) => (to === undefined ? owners : [to])))].sort();
  const single = moves.filter(({ copiesDuring }) => copiesDuring !== undefined && copiesDuring < 2).length;
  const risk = single > 0 ? `; ${single} of ${moves.length} steps read points that one node alone serves` : "";
  return `moving ${plural(points, "point")} (${formatBytes(bytes)}) of ${plan.collection}${targets.length > 0 ? ` to ${targets.join(", ")}` : ""} in ${plural(moves.length, "step")}${risk}`;
}

/** `2 of 4 steps`. */
export function applyProgressNote(done: number, total: number): string {
  return `${done} of ${plural(total, "step")}`;
}

/** The plan that undoes another, in short. */
export function shardReverseReport(result: ShardReverseResult, style: Style): string {
  const { planId, reverses, steps, points, bytes, movedFraction, file, collection } = result;
  if (steps === 0) return `${style.good("nothing to undo:")} ${collection} is as it was before ${reverses}`;
  const lines = [
    style.bold(`plan ${planId} undoes ${reverses}, collection ${collection}`),
    `  ${plural(steps, "step")} · about ${plural(points, "point")} (${formatBytes(bytes)}), ${formatPercent(movedFraction)} of all copies`,
  ];
  if (file !== null) lines.push(`  written to ${file}`);
  return lines.join("\n");
}
