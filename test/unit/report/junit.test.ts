import { execFileSync, spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { escapeXml, junitXml, type JunitSuite } from "../../../src/report/junit.ts";

const suites: JunitSuite[] = [
  {
    name: 'smoke "prod" & <co>',
    timestamp: "2026-01-31T12:00:00.000Z",
    cases: [
      { name: "config", outcome: "ok", durationMs: 1.4 },
      { name: "canary", outcome: "failed", message: "not found\non <b>", detail: "a]]>b & \u0000\u001b[31m", durationMs: 1200 },
      { name: "cache", outcome: "error", message: "ECONNREFUSED" },
      { name: "objectives", outcome: "skipped", message: "none are set" },
    ],
  },
];

test("cases become a suite", () => {
  expect(junitXml(suites)).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites tests="4" failures="1" errors="1" skipped="1" time="1.201">
      <testsuite name="smoke &quot;prod&quot; &amp; &lt;co&gt;" timestamp="2026-01-31T12:00:00.000Z" tests="4" failures="1" errors="1" skipped="1" time="1.201">
        <testcase classname="smoke &quot;prod&quot; &amp; &lt;co&gt;" name="config" time="0.001"/>
        <testcase classname="smoke &quot;prod&quot; &amp; &lt;co&gt;" name="canary" time="1.200">
          <failure message="not found&#10;on &lt;b&gt;">a]]&gt;b &amp; ��[31m</failure>
        </testcase>
        <testcase classname="smoke &quot;prod&quot; &amp; &lt;co&gt;" name="cache" time="0.000">
          <error message="ECONNREFUSED">ECONNREFUSED</error>
        </testcase>
        <testcase classname="smoke &quot;prod&quot; &amp; &lt;co&gt;" name="objectives" time="0.000">
          <skipped message="none are set"/>
        </testcase>
      </testsuite>
    </testsuites>
    "
  `);
});

const xmllint = spawnSync("xmllint", ["--version"]).status === 0;
const python = spawnSync("python3", ["-c", "1"]).status === 0;
test.skipIf(!xmllint && !python)("it is well-formed to somebody else's parser", () => {
  const input = junitXml(suites);
  if (xmllint) execFileSync("xmllint", ["--noout", "-"], { input });
  else execFileSync("python3", ["-c", "import sys,xml.dom.minidom as m; m.parseString(sys.stdin.buffer.read())"], { input });
});

test("no character gets through that XML cannot hold", () => {
  // oxlint-disable-next-line no-control-regex -- it is what is looked for
  const forbidden = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDFFF]/u;
  const through = Array.from({ length: 0x1_00_00 }, (_, code) => code).filter((code) =>
    forbidden.test(escapeXml(`<${String.fromCharCode(code)}>`)),
  );
  expect(through).toEqual([]);
});
