import { expect, test } from "vitest";
import { githubAnnotations } from "../../../src/report/github.ts";
import { ndjson } from "../../../src/report/ndjson.ts";

test("annotations, with nothing that could begin another command", () => {
  expect(
    githubAnnotations([
      { level: "error", title: "smoke: p99, too slow", message: "100 %\nof\r\n::error::it", file: "a,b:c.yaml", line: 3 },
      { level: "notice", title: "ok", message: "fine" },
    ]),
  ).toMatchInlineSnapshot(`
    "::error file=a%2Cb%3Ac.yaml,line=3,title=smoke%3A p99%2C too slow::100 %25%0Aof%0D%0A::error::it
    ::notice title=ok::fine
    "
  `);
});

test("NDJSON: a line a value, line breaks within a value escaped", () => {
  expect(ndjson([{ at: 1, name: "a\nb" }, 2])).toBe('{"at":1,"name":"a\\nb"}\n2\n');
  expect(ndjson([])).toBe("");
});
