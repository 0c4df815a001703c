import { expect, test } from "vitest";
import { loadHtml } from "../../../../src/report/html/load-html.ts";
import { markup } from "../../../../src/report/html/markup.ts";
import { sampleRun } from "../../../helpers/load-result.ts";

test("what is put into a template is escaped, once", () => {
  const inner = markup`<b>${"a < b & 'c'"}</b>`;
  expect(String(markup`<p title="${'"x"'}">${[inner, null, false, undefined, 3]}</p>`)).toBe(
    '<p title="&quot;x&quot;"><b>a &lt; b &amp; &#39;c&#39;</b>3</p>',
  );
});

test("characters that HTML has no place for are replaced, lone surrogates too", () => {
  expect(String(markup`${"a\u0000b\ud800c"}`)).toBe("a\uFFFDb\uFFFDc");
});

test("no text of a result gets into the page as markup, wherever it stands", () => {
  const evil = `"><img src=x onerror="alert(1)">'</script><svg/onload=1>`;
  const { result, series } = sampleRun({ seconds: 10, ratePerSec: 50 });
  const rename = (text: string): string => `${evil}${text}`;
  const scenario = { ...result.scenarios[0]!, name: evil, tags: { [evil]: evil } };
  // Every string of the result, keys included, but those that are numbers, dates, histograms or closed sets.
  const poisoned = {
    ...result,
    reasons: result.reasons.map(rename),
    target: { ...result.target, cluster: evil, collection: evil, topology: evil },
    thresholds: result.thresholds.map((threshold) => ({ ...threshold, expression: rename(threshold.expression) })),
    errorsByCause: Object.fromEntries(Object.entries(result.errorsByCause).map(([cause, n]) => [rename(cause), n])),
    events: result.events.map((event) => ({ ...event, name: rename(event.name), kind: rename(event.kind) })),
    perNode: result.perNode.map((node) => ({ ...node, node: rename(node.node), errorsByCause: { [evil]: 1 } })),
    audit: result.audit.map((each) => ({ ...each, message: evil })),
    perScenario: [{ ...result, name: evil, operation: evil, times: [], recall: [] }],
    perCache: [{ outcome: evil, responseTimeUs: result.responseTimeUs }],
    scenarios: [scenario, scenario],
    times: [{ name: evil, never: 1, timeUs: result.responseTimeUs }],
    generator: { ...result.generator, node: evil, platform: evil },
  } as typeof result;
  const html = loadHtml({ result: poisoned, series, version: evil, runId: evil });
  const plain = loadHtml({ result, series, version: "1", runId: "r" });
  expect(html).not.toContain("<img");
  expect(html).not.toContain("<svg/");
  expect(html.match(/<\/script>/g)).toHaveLength(plain.match(/<\/script>/g)!.length);
  expect(html).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
});
