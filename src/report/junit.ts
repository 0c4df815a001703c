/** Cases as a CI system reads them. */
export interface JunitSuite {
  name: string;
  /** ISO 8601. */
  timestamp?: string;
  cases: JunitCase[];
}

export interface JunitCase {
  name: string;
  className?: string;
  durationMs?: number;
  outcome: "ok" | "failed" | "error" | "skipped";
  /** Why it failed, or was skipped. */
  message?: string;
  /** More of it, on lines of its own. */
  detail?: string;
}

/** JUnit XML in the dialect that Jenkins, GitLab and GitHub's reporters share. */
export function junitXml(suites: readonly JunitSuite[]): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites${counts(suites.flatMap(({ cases }) => cases))}>`];
  for (const { name, timestamp, cases } of suites) {
    lines.push(
      `  <testsuite${attributes({ name, timestamp })}${counts(cases)}>`,
      ...cases.flatMap((each) => caseLines(each, name)),
      "  </testsuite>",
    );
  }
  return `${[...lines, "</testsuites>"].join("\n")}\n`;
}

function caseLines({ name, className, durationMs, outcome, message = "", detail }: JunitCase, suite: string): string[] {
  const open = `    <testcase${attributes({ classname: className ?? suite, name, time: seconds(durationMs ?? 0) })}`;
  if (outcome === "ok") return [`${open}/>`];
  if (outcome === "skipped") return [`${open}>`, `      <skipped${attributes({ message })}/>`, "    </testcase>"];
  const tag = outcome === "failed" ? "failure" : "error";
  return [`${open}>`, `      <${tag}${attributes({ message })}>${escapeXml(detail ?? message)}</${tag}>`, "    </testcase>"];
}

function counts(cases: readonly JunitCase[]): string {
  const number = (outcome: JunitCase["outcome"]) => String(cases.filter((each) => each.outcome === outcome).length);
  return attributes({
    tests: String(cases.length),
    failures: number("failed"),
    errors: number("error"),
    skipped: number("skipped"),
    time: seconds(cases.reduce((sum, { durationMs = 0 }) => sum + durationMs, 0)),
  });
}

function attributes(record: Record<string, string | undefined>): string {
  return Object.entries(record)
    .map(([key, value]) =>
      value === undefined ? "" : ` ${key}="${escapeXml(value).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;")}"`,
    )
    .join("");
}

/** Text as XML 1.0 may hold it: markup escaped, characters that it cannot hold at all replaced. */
export function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex -- XML 1.0 forbids these, even escaped
      .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD")
      .replaceAll("\r", "")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
  );
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
