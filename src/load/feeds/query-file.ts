import { usageError, type Problem } from "../../errors.ts";

/** One line of a file of queries: a vector, or a text that is still to be embedded. */
export type Query = { vector: number[] } | { text: string };

const problemsShown = 20;

/**
 * JSONL, each line `{"vector": [0.1, …]}` or `{"text": "…"}`; blank lines are passed over.
 * @throws RagctlError exit 2 with the line of every mistake (the first twenty)
 */
export function parseQueries(content: string, file: string): Query[] {
  const problems: Problem[] = [];
  const queries: Query[] = [];
  let dim: number | undefined;
  for (const [index, line] of content.split("\n").entries()) {
    if (line.trim() === "") continue;
    const read = readQuery(line);
    if (typeof read === "string") problems.push({ file, line: index + 1, message: read });
    else if ("vector" in read && dim !== undefined && read.vector.length !== dim)
      problems.push({ file, line: index + 1, message: `the vector has ${read.vector.length} numbers, the first one had ${dim}` });
    else {
      if ("vector" in read) dim ??= read.vector.length;
      queries.push(read);
    }
  }
  if (problems.length === 0 && queries.length === 0) problems.push({ file, message: "holds no queries" });
  if (problems.length > problemsShown)
    problems.splice(problemsShown, problems.length, {
      file,
      message: `and ${problems.length - problemsShown} more lines like these`,
    });
  if (problems.length > 0) throw usageError(problems, { code: "queries-invalid" });
  return queries;
}

function readQuery(line: string): Query | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "is not JSON";
  }
  if (typeof value !== "object" || value === null) return 'expected {"vector": [...]} or {"text": "..."}';
  if ("vector" in value) {
    const { vector } = value;
    return Array.isArray(vector) && vector.length > 0 && vector.every((x) => typeof x === "number" && Number.isFinite(x))
      ? { vector }
      : "vector: expected a list of numbers";
  }
  if ("text" in value)
    return typeof value.text === "string" && value.text.trim() !== "" ? { text: value.text } : "text: expected words";
  return 'expected {"vector": [...]} or {"text": "..."}';
}
