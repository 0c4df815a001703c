import { createReadStream } from "node:fs";
import { usageError, type Problem } from "../../errors.ts";
import type { Stamper } from "../../sharding/keys.ts";
import { linesOf } from "../lines.ts";

const problemsShown = 20;

/**
 * Where the queries of a log go, as positions of the placement: one a line, an id as plain text, `{"id": …}` (or `key`), or for a semantic
 * placement `{"vector": […]}`.
 * @param probes cells that a search asks
 * @throws RagctlError exit 2 with every line that cannot be used (the first twenty)
 */
export async function readQueryLog(file: string, stamper: Stamper, probes: number, signal?: AbortSignal): Promise<number[]> {
  const positions: number[] = [];
  const problems: Problem[] = [];
  let line = 0;
  try {
    for await (const text of linesOf(createReadStream(file, { signal }))) {
      line++;
      if (text.trim() === "") continue;
      const found = positionsOf(text.trim(), stamper, probes);
      if (typeof found === "string") problems.push({ file, line, message: found });
      else positions.push(...found);
      if (problems.length > problemsShown) break;
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw usageError([{ file, message: `cannot be read: ${(error as Error).message}` }], { code: "queries-unreadable" });
  }
  if (problems.length === 0 && positions.length === 0) problems.push({ file, message: "holds no queries" });
  if (problems.length > 0) throw usageError(problems, { code: "queries-invalid" });
  return positions;
}

function positionsOf(text: string, stamper: Stamper, probes: number): number[] | string {
  let value: unknown = text;
  if (text.startsWith("{")) {
    try {
      value = JSON.parse(text);
    } catch {
      return "is not JSON";
    }
  }
  const fields = (typeof value === "object" ? value : { id: value }) as Record<string, unknown>;
  const { vector } = fields;
  const key = fields["key"] ?? fields["id"];
  if (stamper.needsVector)
    return Array.isArray(vector) && vector.every((part) => typeof part === "number")
      ? stamper.cellsOf(vector, probes)
      : 'this collection is placed by meaning: expected {"vector": [...]}';
  if (typeof key !== "string" && typeof key !== "number")
    return 'expected an id, or {"id": ...}: a search without one asks nodes of every range alike';
  try {
    return [stamper.hashOf(String(key))];
  } catch (error) {
    return (error as Error).message;
  }
}
