import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { usageError, type Problem } from "../errors.ts";

/**
 * How often each row is asked for: one number a line, in the order of the rows.
 * @throws RagctlError (exit 2) with the first lines that are none
 */
export function readHeat(cwd: string, file: string): Float64Array {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), "utf8");
  } catch (error) {
    throw usageError([{ file, message: `cannot be read: ${(error as Error).message}` }]);
  }
  const lines = text.split("\n");
  if (lines.at(-1)?.trim() === "") lines.pop();
  const problems: Problem[] = [];
  const heat = Float64Array.from(lines, (line, i) => {
    const value = line.trim() === "" ? Number.NaN : Number(line);
    if (!(value >= 0 && value < Infinity) && problems.length < 10)
      problems.push({ file, line: i + 1, message: `expected a number of zero or more, got "${line.trim().slice(0, 40)}"` });
    return value;
  });
  if (problems.length > 0) throw usageError(problems);
  if (!heat.some((value) => value > 0)) throw usageError([{ file, message: "holds no heat: a number above zero is wanted" }]);
  return heat;
}
