import { readFile } from "node:fs/promises";
import { usageError, type Problem } from "../../errors.ts";
import { timeFields, timestampUs } from "../../timestamps.ts";

const shownProblems = 20;

/**
 * The times of a query log: JSONL, each line an object with a time under `at`, `timestamp`, `time` or `ts`: ISO 8601, or a number of seconds, milliseconds, microseconds or
 * nanoseconds since the epoch, told apart by its size.
 * @returns µs after the first entry, ascending
 * @throws RagctlError exit 2 with the line of every mistake (the first twenty)
 */
export async function readLogTimes(file: string, speed: number): Promise<SharedArrayBuffer> {
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (error) {
    throw usageError([{ file, message: `cannot be read: ${(error as Error).message}` }]);
  }
  return logOffsets(content, file, speed);
}

/** The pure part of `readLogTimes`. */
export function logOffsets(content: string, file: string, speed: number): SharedArrayBuffer {
  const problems: Problem[] = [];
  const times: number[] = [];
  for (const [index, line] of content.split("\n").entries()) {
    if (line.trim() === "") continue;
    const us = timeOf(line);
    if (typeof us === "string") problems.push({ file, line: index + 1, message: us });
    else if (times.length > 0 && us < times.at(-1)!)
      problems.push({ file, line: index + 1, message: "is earlier than the line before it: sort the log by time" });
    else times.push(us);
    if (problems.length >= shownProblems) break;
  }
  if (problems.length === 0 && times.length === 0) problems.push({ file, message: "holds no entries" });
  if (problems.length > 0) throw usageError(problems, { code: "log-invalid" });
  const offsets = new SharedArrayBuffer(8 * times.length);
  new Float64Array(offsets).set(times.map((us) => (us - times[0]!) / speed));
  return offsets;
}

function timeOf(line: string): number | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "is not JSON";
  }
  if (typeof value !== "object" || value === null) return "expected an object with a time";
  const record = value as Record<string, unknown>;
  const time = timeFields.map((field) => record[field]).find((each) => each !== undefined);
  if (time === undefined) return `has no time: expected ${timeFields.join(", ")}`;
  const us = timestampUs(time);
  return Number.isFinite(us)
    ? us
    : `expected a time such as 2026-01-31T12:00:00.5Z or seconds since the epoch, got ${JSON.stringify(time)}`;
}
