import { expect, test } from "vitest";
import { consistencyOf } from "../../../src/config/consistency.ts";
import { redact, redactUrl, secretsOf } from "../../../src/config/redact.ts";
import { didYouMean, nearest } from "../../../src/config/suggest.ts";
import { expandText } from "../../../src/config/variables.ts";
import { rememberSecrets, scrubbedJson, scrubber } from "../../../src/secrets.ts";

test.each([
  ["http://host:1/path?x=1#f", "http://host:1/path?x=1#f"],
  ["https://user:pass@host/p", "https://***@host/p"],
  ["redis://:p%40ss@host", "redis://***@host"],
  ["https://token@host", "https://***@host"],
  ["https://u:p@ss@host", "https://***@host"],
  ["https://host/x?api_key=abc&k=3&X-Token=d", "https://host/x?api_key=***&k=3&X-Token=***"],
  ["not a url with user:pass@host", "not a url with user:pass@host"],
  ["", ""],
])("%s", (url, expected) => expect(redactUrl(url)).toBe(expected));

test("what is redacted, and what is searched for elsewhere", () => {
  const config = {
    apiKey: "abcdef",
    password: "",
    nested: [{ url: "redis://me:s%20cret@h" }, { token: "t0ken-x" }],
    headers: { Authorization: "Bearer bear3r", "X-Tenant": "production", "Content-Type": "application/json" },
    keyFile: "client.key",
    count: 3,
  };
  expect(redact(config)).toEqual({
    apiKey: "***",
    password: "",
    nested: [{ url: "redis://***@h" }, { token: "***" }],
    headers: { Authorization: "***", "X-Tenant": "***", "Content-Type": "application/json" },
    keyFile: "client.key",
    count: 3,
  });
  expect(secretsOf(config)).toEqual(
    expect.arrayContaining(["abcdef", "s%20cret", "s cret", "t0ken-x", "Bearer bear3r", "bear3r"]),
  );
  expect(secretsOf(config)).not.toContain("production");
});

test("scrubbing: the longest first, short ones not at all, names of fields kept", () => {
  const runtime = { env: {} };
  expect(scrubber(runtime)("nothing is known")).toBe("nothing is known");
  rememberSecrets(runtime, ["secret", "secret-longer", "abc", "result"]);
  const scrub = scrubber(runtime);
  expect(scrub("a secret-longer, a secret, abc")).toBe("a ***, a ***, abc");
  expect(scrubbedJson({ result: { a: 'the "secret"\n' } }, scrub)).toBe('{"result":{"a":"the \\"***\\"\\n"}}');
  expect(scrubber({ env: {} })("secret")).toBe("secret");
});

const env = { A: "1", EMPTY: "", NESTED: "${A}" };
test.each([
  ["${A}", "1", []],
  ["x${A}y${A}", "x1y1", []],
  ["${EMPTY}", "", []],
  ["${EMPTY:-d}", "d", []],
  ["${NO:-}", "", []],
  ["${NO:-a:-b}", "a:-b", []],
  ["${NESTED}", "${A}", []],
  ["$${A} $A $ {A}", "${A} $A $ {A}", []],
  ["${NO}", "${NO}", ["the environment variable NO is not set; set it, or give a default: ${NO:-…}"]],
  ["${A", "${A", ['"${A" lacks its closing brace; write $${ for a literal one']],
  ["${1x}", "${1x}", ['"${1x}" is not a variable: expected ${NAME} or ${NAME:-default}; write $${ for a literal one']],
  ["${}", "${}", ['"${}" is not a variable: expected ${NAME} or ${NAME:-default}; write $${ for a literal one']],
])("%s expands to %s", (text, expected, problems) => {
  expect(expandText(text, env)).toMatchObject({ text: expected, problems });
});

test("a nested default is refused, not half expanded", () => {
  expect(expandText("${NO:-${A}}", env).problems).toHaveLength(1);
});

test.each([
  ["wieght", "weight"],
  ["Topology", "topology"],
  ["nods", "nodes"],
  ["zebra", undefined],
  ["x", undefined],
])("%s was meant to be %s", (word, expected) => {
  expect(nearest(word, ["weight", "topology", "nodes", "zone", "id"])).toBe(expected);
});

test("without a near one, a short list of what there is", () => {
  expect(didYouMean("frobnicate", ["a", "b"])).toBe("; expected one of a, b");
  expect(
    didYouMean(
      "frobnicate",
      Array.from({ length: 30 }, (_, index) => `k${index}`),
    ),
  ).toBe("");
  expect(didYouMean("frobnicate", [])).toBe("");
});

test.each([
  [
    { replicas: 1, minAcks: 1, consistency: "one" },
    { n: 1, w: 1, r: 1, overlaps: true },
  ],
  [
    { replicas: 2, minAcks: 1, consistency: "one" },
    { n: 2, w: 1, r: 1, overlaps: false },
  ],
  [
    { replicas: 3, minAcks: 2, consistency: "quorum" },
    { n: 3, w: 2, r: 2, overlaps: true },
  ],
  [
    { replicas: 4, minAcks: 1, consistency: "quorum" },
    { n: 4, w: 1, r: 3, overlaps: false },
  ],
  [
    { replicas: 3, minAcks: 1, consistency: "all" },
    { n: 3, w: 1, r: 3, overlaps: true },
  ],
] as const)("R + W > N: %j", (routing, expected) => {
  expect(
    consistencyOf({ virtualNodes: 150, hash: "xxh32", breaker: "off", hedge: "off", maxInFlightPerNode: 128, ...routing }),
  ).toMatchObject(expected);
});
