import type { MonkeyAct, MonkeyResult } from "../experiments/monkey/result.ts";
import { formatDurationMs, plural } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const paint: Record<MonkeyAct["outcome"], "good" | "warn" | "bad"> = {
  would: "good",
  done: "good",
  stopped: "warn",
  refused: "warn",
  impossible: "warn",
  unhealed: "bad",
  interrupted: "warn",
};

/** What the monkey did, or would do, turn by turn, by the clocks of its time zone. */
export function monkeyReport(result: MonkeyResult, style: Style): string {
  const { leashed, acts, cluster, profile, seed, timeZone, from, to, stoppedBy } = result;
  const span = formatDurationMs(to - from);
  const head = leashed
    ? `on the leash · what ${profile} would do to ${cluster} in the next ${span}`
    : `${profile} on ${cluster} for ${span}`;
  const lines = [`${style.bold(head)} · seed ${seed}, ${timeZone}`];
  if (acts.length === 0) lines.push("nothing");
  else lines.push(actsTable(acts, timeZone, style));
  for (const { fault, at, reason } of acts) if (reason) lines.push(style.dim(`  ${timeOf(at, timeZone)} ${fault}: ${reason}`));
  if (stoppedBy) lines.push(style.bad(`stopped itself: ${stoppedBy.reason}`));
  else if (!leashed)
    lines.push(
      `${plural(acts.length, "turn")}, ${acts.filter(({ outcome }) => outcome === "done").length} of them faults that are healed and proven gone`,
    );
  return lines.join("\n");
}

function actsTable(acts: readonly MonkeyAct[], timeZone: string, style: Style): string {
  const rows = acts.map(({ at, fault, targets, forMs, outcome }) => [
    timeOf(at, timeZone),
    fault,
    targets.join(", ") || "–",
    formatDurationMs(forMs),
    style[paint[outcome]](outcome),
  ]);
  const columns = [
    { header: "when" },
    { header: "fault" },
    { header: "on", flexible: true },
    { header: "for", align: "right" as const },
    { header: "" },
  ];
  return table(columns, rows, style);
}

function timeOf(atMs: number, timeZone: string): string {
  const options = {
    timeZone,
    weekday: "short",
    day: "2-digit",
    month: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  } as const;
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-US", options).formatToParts(atMs).map(({ type, value }) => [type, value]),
  );
  return `${parts["weekday"]} ${parts["month"]}-${parts["day"]} ${parts["hour"]}:${parts["minute"]}`;
}
