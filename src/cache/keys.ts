import { hash } from "node:crypto";

/** What is cached, each under a template of its own. */
export const keyKinds = ["result", "embedding", "answer", "popular"] as const;
export type KeyKind = (typeof keyKinds)[number];

/** The keys that applications use, unless a config says otherwise. */
export const defaultTemplates: Record<KeyKind, string> = {
  result: "{namespace}:result:{sha256(query)}",
  embedding: "{namespace}:embedding:{sha256(query)}",
  answer: "{namespace}:answer:{sha256(query)}",
  popular: "{namespace}:popular:{sha256(query)}",
};

/** What a template makes keys of. */
interface KeyFields {
  namespace: string;
  /** The text as it was asked; `{normalized}` is what `normalizeQuery` makes of it. */
  query: string;
}

export interface KeyTemplate {
  /** As it was written. */
  readonly text: string;
  keyOf(fields: KeyFields): string;
  /** A glob of Redis's that every key of this namespace matches, for SCAN. */
  pattern(namespace: string): string;
}

type Part = { literal: string } | { field: Field; digest: Digest | undefined };
const fields = ["namespace", "query", "normalized"] as const;
type Field = (typeof fields)[number];
const digests = ["sha256", "sha1", "md5"] as const;
type Digest = (typeof digests)[number];

/**
 * A template of keys: text with `{namespace}`, `{query}`, `{normalized}`, and `{sha256(query)}`, `{sha1(…)}`, `{md5(…)}` in it, the latter as lower-case hexadecimal of
 * the UTF-8 text. A brace of the key itself (the hash tag of a Redis Cluster) is doubled: `{{tag}}:{sha256(query)}`.
 * @throws Error a plain sentence
 */
export function parseKeyTemplate(text: string): KeyTemplate {
  const parts: Part[] = [];
  for (let at = 0; at < text.length;) {
    const two = text.slice(at, at + 2);
    if (two === "{{" || two === "}}") {
      parts.push({ literal: two[0]! });
      at += 2;
    } else if (text[at] === "{") {
      const end = text.indexOf("}", at);
      if (end < 0) throw new Error(`a brace is opened and never closed in the key template "${text}"`);
      parts.push(placeholder(text.slice(at + 1, end), text));
      at = end + 1;
    } else if (text[at] === "}") {
      throw new Error(
        `a brace is closed and was never opened in the key template "${text}"; a brace of the key itself is doubled`,
      );
    } else {
      const end = text.slice(at).search(/[{}]/);
      parts.push({ literal: end < 0 ? text.slice(at) : text.slice(at, at + end) });
      at = end < 0 ? text.length : at + end;
    }
  }
  if (!parts.some((part) => "field" in part && part.field !== "namespace"))
    throw new Error(`the key template "${text}" has no {sha256(query)}: all queries would share one key`);
  return {
    text,
    keyOf: (values) => parts.map((part) => ("literal" in part ? part.literal : rendered(part, values))).join(""),
    pattern: (namespace) =>
      parts
        .map((part) => {
          if ("literal" in part) return escapeGlob(part.literal);
          return part.field === "namespace" && !part.digest ? escapeGlob(namespace) : "*";
        })
        .join(""),
  };
}

function placeholder(inside: string, text: string): Part {
  const match = /^(?:([a-z0-9]+)\(([a-z]+)\)|([a-z]+))$/.exec(inside.trim());
  const field = fields.find((name) => name === (match?.[2] ?? match?.[3]));
  const digest = digests.find((name) => name === match?.[1]);
  if (!field || (match?.[1] !== undefined && !digest))
    throw new Error(
      `{${inside}} in the key template "${text}" is not known: there are ${fields.map((name) => `{${name}}`).join(", ")} and ${digests.map((name) => `{${name}(query)}`).join(", ")}`,
    );
  return { field, digest };
}

function rendered({ field, digest }: { field: Field; digest: Digest | undefined }, { namespace, query }: KeyFields): string {
  const value = field === "namespace" ? namespace : field === "query" ? query : normalizeQuery(query);
  return digest ? hash(digest, value, "hex") : value;
}

function escapeGlob(text: string): string {
  return text.replaceAll(/[*?[\]\\^]/g, "\\$&");
}

/**
 * The namespace of a cluster's keys: it carries what an answer depends on, so that a new corpus or another embedder never serves the answers of the old.
 * @returns `rag` alone, or `rag@CORPUS`, `rag~EMBEDDER`, `rag@CORPUS~EMBEDDER`
 */
export function namespaceOf(
  base: string,
  { corpusVersion, embedder }: { corpusVersion?: string; embedder?: string } = {},
): string {
  return `${base}${corpusVersion === undefined ? "" : `@${safeName(corpusVersion)}`}${embedder === undefined ? "" : `~${safeName(embedder)}`}`;
}

/** A name without what means something in keys and globs; where something had to go, a digest keeps different names apart. */
function safeName(name: string): string {
  const safe = name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
  return safe === name && name !== "" ? name : `${safe}.${hash("sha256", name, "hex").slice(0, 8)}`;
}

/**
 * The text that stands for a query wherever it is counted or hashed: NFC, and runs of white space as one blank, none at the ends. Case is kept: to an
 * embedder it matters.
 */
export function normalizeQuery(text: string): string {
  return text.normalize("NFC").trim().replaceAll(/\s+/g, " ");
}
