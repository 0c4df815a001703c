import type { SmokeCheck, SmokeResult } from "../smoke/result.ts";
import { formatDurationMs, plural } from "../units.ts";
import type { Annotation } from "./github.ts";
import type { JunitSuite } from "./junit.ts";
import type { Style } from "./style.ts";

/** The verdict, and every check on a line of its own with what it saw. */
export function smokeReport({ cluster, verdict, checks, elapsedMs }: SmokeResult, style: Style): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const head = `${paint(verdict, style)} · ${checks.filter(({ ok }) => ok).length} of ${plural(checks.length, "check")} of cluster ${cluster} in ${formatDurationMs(elapsedMs)}`;
  return [style.bold(head), "", ...checks.flatMap((check) => checkLines(check, width, style))].join("\n");
}

function checkLines({ name, outcome, detail, hint, durationMs }: SmokeCheck, width: number, style: Style): string[] {
  const marks = {
    ok: style.good("✓"),
    failed: style.bad("✗"),
    unreachable: style.bad("✗"),
    inconclusive: style.warn("?"),
    skipped: style.dim("-"),
  };
  const indent = " ".repeat(width + 6);
  const room = Math.max(30, style.columns - indent.length);
  const [first = "", ...rest] = wrap(durationMs >= 1000 ? `${detail} (${formatDurationMs(durationMs)})` : detail, room);
  const lines = [
    `  ${marks[outcome]} ${name.padEnd(width)}  ${outcome === "skipped" ? style.dim(first) : first}`,
    ...rest.map((line) => indent + line),
  ];
  if (hint) lines.push(...wrap(`hint: ${hint}`, room).map((line) => indent + style.dim(line)));
  return lines;
}

/** What failed as JUnit failures, what did not answer as errors. */
export function smokeSuite(checks: readonly SmokeCheck[]): JunitSuite {
  const outcomes = { ok: "ok", failed: "failed", unreachable: "error", inconclusive: "failed", skipped: "skipped" } as const;
  return {
    name: "ragctl smoke",
    cases: checks.map(({ name, outcome, detail, hint, durationMs }) => ({
      name,
      durationMs,
      outcome: outcomes[outcome],
      ...(outcome === "ok" ? {} : { message: detail }),
      ...(hint ? { detail: `${detail}\n${hint}` } : {}),
    })),
  };
}

/** An annotation for each check that failed; those that were skipped because of it say nothing new. */
export function smokeAnnotations(checks: readonly SmokeCheck[]): Annotation[] {
  return checks
    .filter(({ ok, outcome }) => !ok && outcome !== "skipped")
    .map(({ name, outcome, detail, hint }) => ({
      level: outcome === "inconclusive" ? "warning" : "error",
      title: `ragctl smoke: ${name}`,
      message: hint ? `${detail}\n${hint}` : detail,
    }));
}

function paint(verdict: SmokeResult["verdict"], style: Style): string {
  return verdict === "pass" ? style.good(verdict) : verdict === "fail" ? style.bad(verdict) : style.warn(verdict);
}

/** Breaks at blanks; a word that is longer than a line stands alone. */
function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
