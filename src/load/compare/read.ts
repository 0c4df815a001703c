import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { usageError, type Problem } from "../../errors.ts";
import { readRun } from "../../runs/index.ts";
import { loadResultSchema, type LoadResult } from "../result.ts";
import { hasHistograms } from "./from-result.ts";

/** Where a run may come from: a file that `--out` wrote, or the id of a run that is kept. */
export interface RunSource {
  /** As given. */
  name: string;
  result: LoadResult;
}

/**
 * Reads the runs to compare.
 * @param wanted each a file, or a run's id (or the beginning or end of one, or `latest`)
 * @throws RagctlError exit 2 with every one that cannot be read, is no load run, or has no histograms
 */
export async function readRuns(wanted: readonly string[], deps: { cwd: string; stateDir: string }): Promise<RunSource[]> {
  const problems: Problem[] = [];
  const sources: RunSource[] = [];
  for (const name of wanted) {
    const read = await readOne(name, deps);
    if ("message" in read) problems.push({ path: name, message: read.message });
    else sources.push({ name, result: read });
  }
  if (problems.length > 0)
    throw usageError(problems, { hint: "Give what ragctl load --out wrote, or the id of a load run (ragctl runs lists them)." });
  return sources;
}

async function readOne(
  name: string,
  { cwd, stateDir }: { cwd: string; stateDir: string },
): Promise<LoadResult | { message: string }> {
  let document: unknown;
  const text = await readFile(resolve(cwd, name), "utf8").catch((error: NodeJS.ErrnoException) => error);
  if (typeof text === "string") {
    try {
      document = JSON.parse(text);
    } catch (error) {
      return { message: `is not JSON, or was cut short: ${(error as Error).message}` };
    }
  } else if (text.code !== "ENOENT" || /[/.\\]/.test(name)) {
    return { message: text.code === "ENOENT" ? "there is no such file" : `cannot be read: ${text.message}` };
  } else {
    try {
      document = readRun(stateDir, name).result;
    } catch (error) {
      return { message: `there is no such file, and ${(error as Error).message}` };
    }
  }
  // The document that `--json` prints holds the result.
  if (typeof document === "object" && document !== null && "command" in document && "result" in document)
    document = document.result;
  const parsed = loadResultSchema.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { message: `is not the result of a load run (${issue?.path.join(".") || "document"}: ${issue?.message})` };
  }
  if (!hasHistograms(parsed.data)) return { message: "has no histograms: --json leaves them out, --out writes them" };
  return parsed.data;
}
