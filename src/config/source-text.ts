import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from "yaml";
import type { Problem } from "../errors.ts";

/** A parsed file that still knows where everything stood. */
export interface SourceText {
  value: unknown;
  problems: Omit<Problem, "file">[];
  /** The line (from 1) of the deepest part of `path` that the file has. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

const shownProblems = 20;
const tooDeep = "nested too deeply to be a config";

/**
 * Parses YAML, or JSON, which the YAML parser reads too, and with positions.
 * @param text of at most a megabyte: the caller has looked
 * @param format `json` is held to JSON's own grammar
 */
export function parseSourceText(text: string, format: "yaml" | "json"): SourceText {
  const lines = new LineCounter();
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const failed = (...problems: Omit<Problem, "file">[]): SourceText => ({ value: undefined, problems, lineOf: () => undefined });
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true, uniqueKeys: false });
  } catch (error) {
    return failed({ message: unreadable(error) });
  }
  if (document.errors.some(({ message }) => message.includes("call stack"))) return failed({ message: tooDeep });
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      line: lineAt(error.pos[0]),
      message: `not valid ${format.toUpperCase()}: ${error.message}`,
    }));
    const more = problems.length - shownProblems;
    return failed(...problems.slice(0, shownProblems), ...(more > 0 ? [{ message: `and ${more} more of the kind` }] : []));
  }
  if (format === "json") {
    const message = jsonProblem(text);
    if (message) return failed({ message: `not valid JSON: ${message}` });
  }
  const mistakes = [...duplicateKeys(document, lineAt), ...danglingAliases(document, lineAt)];
  if (mistakes.length > 0) return failed(...mistakes);
  try {
    const value: unknown = document.toJS();
    const lineOf = (path: readonly PropertyKey[]) => lineOfPath(document, path, lineAt);
    const cycle = findCycle(value);
    if (cycle) return failed({ line: lineOf(cycle), path: dotted(cycle), message: "an alias refers to itself: expected a tree" });
    return { value, problems: [], lineOf };
  } catch (error) {
    return failed({ message: unreadable(error) });
  }
}

/** `clusters.prod.nodes[2].url`. */
export function dotted(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    "",
  );
}

/** The path of the first value that contains itself; a value that merely occurs twice is fine. */
export function findCycle(
  value: unknown,
  path: PropertyKey[] = [],
  above: ReadonlySet<object> = new Set(),
): PropertyKey[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (above.has(value)) return path;
  const within = new Set([...above, value]);
  const entries: [PropertyKey, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  for (const [key, child] of entries) {
    const found = findCycle(child, [...path, key], within);
    if (found) return found;
  }
  return undefined;
}

/** Our own check, because the parser's takes the square of the number of keys. */
function duplicateKeys(document: Document.Parsed, lineAt: (offset: number) => number): Omit<Problem, "file">[] {
  const found: Omit<Problem, "file">[] = [];
  visit(document, {
    Map(_key, map) {
      const seen = new Map<string, number>();
      for (const { key } of map.items) {
        if (!isScalar(key) || key.value === "<<") continue;
        const name = String(key.value);
        const line = lineAt(rangeStart(key) ?? 0);
        const first = seen.get(name);
        if (first === undefined) seen.set(name, line);
        else found.push({ line, message: `the key "${name}" stands twice in one mapping; first in line ${first}` });
      }
    },
  });
  return found;
}

function danglingAliases(document: Document.Parsed, lineAt: (offset: number) => number): Omit<Problem, "file">[] {
  const found: Omit<Problem, "file">[] = [];
  visit(document, {
    Alias(_key, node) {
      if (node.resolve(document) === undefined)
        found.push({
          line: lineAt(node.range?.[0] ?? 0),
          message: `the alias *${node.source} has no anchor &${node.source} before it`,
        });
    },
  });
  return found;
}

function unreadable(error: unknown): string {
  const message = (error as Error).message;
  if (error instanceof RangeError) return tooDeep;
  if (message.startsWith("Excessive alias count")) return "its aliases multiply beyond reason (a hundred at most)";
  return `not valid YAML: ${message}`;
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text.replace(/^\uFEFF/, ""));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function lineOfPath(
  document: Document.Parsed,
  path: readonly PropertyKey[],
  lineAt: (offset: number) => number,
): number | undefined {
  let node: unknown = document.contents;
  let offset = rangeStart(node);
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = pairsOf(node).get(String(key));
      if (!pair) break;
      offset = rangeStart(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === "number" && key < node.items.length) {
      node = node.items[key];
      offset = rangeStart(node) ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lineAt(offset);
}

const pairsByMap = new WeakMap<YAMLMap, Map<string, Pair>>();

/** The pairs of a mapping by their keys, looked up once: a file may have as many problems as keys. */
function pairsOf(map: YAMLMap): Map<string, Pair> {
  const known =
    pairsByMap.get(map) ?? new Map(map.items.flatMap((pair) => (isScalar(pair.key) ? [[String(pair.key.value), pair]] : [])));
  pairsByMap.set(map, known);
  return known;
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
