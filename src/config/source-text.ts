import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from "yaml";
import type { Problem } from "../errors.ts";

/** A parsed file that still knows where everything stood. */
export interface SourceText {
  value: unknown;
  problems: Omit<Problem, "file">[];
  /** The line (from 1) of the deepest part of `path` that the file has. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

const shownProblems = 20;

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
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  } catch (error) {
    return failed({ message: unreadable(error) });
  }
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
  const dangling = danglingAliases(document, lineAt);
  if (dangling.length > 0) return failed(...dangling);
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
  if (error instanceof RangeError) return "nested too deeply to be a config";
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
      const pair = node.items.find((each) => isScalar(each.key) && String(each.key.value) === String(key));
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

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
