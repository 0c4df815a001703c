import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { defaultTemplates, keyKinds, namespaceOf, normalizeQuery, parseKeyTemplate } from "../../../src/cache/keys.ts";

// printf '%s' 'What is it?' | sha256sum
const sha256 = "bbff7b98d6da70612cb94badd2dde68a4dbe1107104b55f330a2225c8ebf55b2";

test("the default keys are those that applications use", () => {
  const keys = keyKinds.map((kind) => parseKeyTemplate(defaultTemplates[kind]).keyOf({ namespace: "rag", query: "What is it?" }));
  expect(keys).toEqual([`rag:result:${sha256}`, `rag:embedding:${sha256}`, `rag:answer:${sha256}`, `rag:popular:${sha256}`]);
});

test.each([
  ["q:{query}", "q:What  is it? "],
  ["q:{normalized}", "q:What is it?"],
  ["q:{sha256(normalized)}", `q:${sha256}`],
  ["{md5(query)}/{namespace}", `${createHash("md5").update("What  is it? ").digest("hex")}/ns`],
  ["{{tag}}:{sha1(normalized)}", `{tag}:${createHash("sha1").update("What is it?").digest("hex")}`],
])("%s", (template, key) => {
  expect(parseKeyTemplate(template).keyOf({ namespace: "ns", query: "What  is it? " })).toBe(key);
});

test.each([
  ["rag:result", /has no \{sha256\(query\)\}/],
  ["{namespace}:x", /all queries would share one key/],
  ["{sha256(query)", /opened and never closed/],
  ["a}{query}", /closed and was never opened/],
  ["{sha512(query)}", /\{sha512\(query\)\} .* is not known: there are \{namespace\}/],
  ["{user}:{query}", /\{user\} .* is not known/],
])("%s is refused in a sentence", (template, said) => {
  expect(() => parseKeyTemplate(template)).toThrow(said);
});

test("the glob of a namespace matches its keys and no others, whatever it is called", () => {
  const template = parseKeyTemplate("a[1]:{namespace}:result:{sha256(query)}");
  expect(template.pattern("rag*")).toBe("a\\[1\\]:rag\\*:result:*");
});

test("a namespace tells corpora and embedders apart", () => {
  expect(namespaceOf("rag")).toBe("rag");
  expect(namespaceOf("rag", { corpusVersion: "2026-05", embedder: "bge-small-en" })).toBe("rag@2026-05~bge-small-en");
  const odd = ["BAAI/bge", "BAAI_bge", "BAAI:bge", "", "a*b", "{x}"].map((embedder) => namespaceOf("rag", { embedder }));
  expect(new Set(odd).size).toBe(odd.length);
  for (const namespace of odd) expect(namespace).toMatch(/^[A-Za-z0-9@~._-]+$/);
});

test("queries that differ in white space or in how an accent is written are one", () => {
  expect(normalizeQuery("  caf\u0065\u0301 \n bar ")).toBe("café bar");
  expect(normalizeQuery("Bar")).not.toBe(normalizeQuery("bar"));
});
