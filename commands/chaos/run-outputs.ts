import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { usageError, type Problem } from "../../src/errors.ts";
import type { ExperimentResult } from "../../src/experiments/result.ts";
import type { Runtime } from "../../src/runtime.ts";
import { scrubbedJson, scrubber } from "../../src/secrets.ts";
import type { CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";

/** Files that an experiment's result can be rendered to. */
export const reportFlags = {
  out: flag.file({ description: "the whole result, as JSON" }),
  html: flag.file({ description: "one self-contained page: verdict, charts with the faults, timeline" }),
  markdown: flag.file({ description: "summary for a pull request" }),
  junit: flag.file({ description: "objectives and steps as test cases" }),
};
type Values = FlagValues<typeof reportFlags>;
const names = Object.keys(reportFlags) as (keyof Values)[];

/** What is wrong with where they should go: told before anything is broken. @throws RagctlError exit 2 */
export function experimentOutputProblems(values: Values, runtime: Runtime): void {
  const problems = names.flatMap((name): Problem[] => {
    const file = values[name];
    const folder = file === undefined ? undefined : dirname(resolve(runtime.cwd, file));
    return folder === undefined || existsSync(folder) ? [] : [{ path: `--${name}`, message: `there is no folder ${folder}` }];
  });
  if (problems.length > 0) throw usageError(problems, { hint: "ragctl chaos run --help" });
}

/** Writes every file that was asked for. A file that cannot be written is a warning: the result stands. */
export async function writeExperimentReports(
  values: Values,
  result: ExperimentResult,
  { runtime, warn }: Pick<CommandContext, "runtime" | "warn">,
  runId: string,
): Promise<void> {
  const wanted = names.filter((name) => values[name] !== undefined);
  if (wanted.length === 0) return;
  const clean = JSON.parse(scrubbedJson(result, scrubber(runtime))) as ExperimentResult;
  for (const name of wanted) {
    const file = resolve(runtime.cwd, values[name]!);
    try {
      await writeFile(file, await renderers[name](clean, runtime.versions.ragctl, runId));
    } catch (error) {
      warn(`--${name}: ${file} was not written: ${(error as Error).message}`);
    }
  }
}

const renderers: Record<keyof Values, (result: ExperimentResult, version: string, runId: string) => Promise<string>> = {
  out: async (result) => `${JSON.stringify(result)}\n`,
  html: async (result, version, runId) => {
    const [{ chaosHtml }, { loadSeries }] = await Promise.all([
      import("../../src/report/html/chaos-html.ts"),
      import("../../src/load/export/series.ts"),
    ]);
    return chaosHtml({ experiment: result, series: loadSeries(result.load), version, runId });
  },
  markdown: async (result) => (await import("../../src/report/chaos-run-markdown.ts")).chaosRunMarkdown(result),
  junit: async (result) => (await import("../../src/report/chaos-run-junit.ts")).chaosRunJunit(result),
};
