import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { usageError, type Problem } from "../../src/errors.ts";
import { loadResultSchema, type LoadResult } from "../../src/load/result.ts";
import { loadReport } from "../../src/report/load.ts";
import { readRun } from "../../src/runs/index.ts";
import type { Runtime } from "../../src/runtime.ts";
import { defineCommand } from "../define.ts";
import { outputProblems, reportFlags, writeReports } from "./outputs.ts";

export default defineCommand({
  details:
    "RUN is a file that ragctl load wrote with --out, or a run as ragctl runs lists it (its id, the beginning or the end of it, or latest). Prints its report, and writes the files that are asked for.",
  positionals: [{ name: "run", description: "file, or id of a run", required: true }],
  flags: reportFlags,
  examples: [
    ["ragctl load report latest --html report.html", "a page of the newest run"],
    ["ragctl load report run.json --hlog run.hlog --csv windows.csv", "for other tools"],
  ],
  resultSchema: loadResultSchema,
  async run({ positionals: [wanted], flags }, context) {
    const { runtime } = context;
    const problems = outputProblems(flags, runtime);
    if (problems.length > 0) throw usageError(problems);
    const { document, source, runId } = await readDocument(wanted!, runtime);
    const parsed = loadResultSchema.safeParse(document);
    if (!parsed.success)
      throw usageError(
        parsed.error.issues.map((issue): Problem => ({ file: source, path: issue.path.join("."), message: issue.message })),
        { code: "result-invalid", hint: "it must be the result of ragctl load, as --out writes it" },
      );
    for (const file of await writeReports(flags, parsed.data, context, runId)) context.note(`wrote ${file}`);
    return { result: withoutHistograms(parsed.data) };
  },
  human: loadReport,
});

async function readDocument(wanted: string, runtime: Runtime): Promise<{ document: unknown; source: string; runId?: string }> {
  const file = resolve(runtime.cwd, wanted);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch {
    const run = readRun(runtime.stateDir, wanted);
    if (run.summary.command !== "load")
      throw usageError([{ path: "RUN", message: `run ${run.summary.id} is one of ragctl ${run.summary.command}` }]);
    return { document: run.result, source: run.dir, runId: run.summary.id };
  }
  try {
    const document = JSON.parse(text) as { result?: unknown };
    // What --json prints holds the result within.
    return { document: document.result ?? document, source: wanted };
  } catch (error) {
    throw usageError([{ file: wanted, message: `is not JSON: ${(error as Error).message}` }]);
  }
}

/** For stdout: the histograms are for files. */
function withoutHistograms(result: LoadResult): LoadResult {
  const shown = { ...result, windows: result.windows.map((window) => ({ ...window })) };
  delete shown.histograms;
  delete shown.series;
  for (const window of shown.windows) delete window.responseHistogram;
  return shown;
}
