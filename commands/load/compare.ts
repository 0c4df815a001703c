import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ExitCode, usageError } from "../../src/errors.ts";
import type { RunSeries } from "../../src/load/compare/series.ts";
import { compareResultSchema } from "../../src/load/compare/result.ts";
import { compareMarkdown, compareReport } from "../../src/report/load-compare.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";

export default defineCommand({
  details:
    "Compares run B with run A, each a file that load --out wrote or the id of a run: percentiles with intervals by block bootstrap over the stored windows " +
    "(latencies come in bursts), errors, rate and recall, corrected for looking at several figures. Ends in a verdict: better, no difference or worse " +
    "(exit 0, but 4 on a regression: a figure that is worse, and by more than --max-regression allows), or not comparable (exit 6, with the reasons: other rate, data, " +
    "config, too short, or a run whose generator was the limit).",
  positionals: [
    { name: "a", description: "the base: a file, a run's id, or latest", required: true },
    { name: "b", description: "what is compared with it", required: true },
  ],
  flags: {
    maxRegression: flag.list({
      description: "let pass: p99=5%, errors=0.1% (points), or 2% for all; without it any worsening is a regression",
      placeholder: "metric=share",
    }),
    markdown: flag.file({ description: "write the comparison for a pull request here" }),
    ignore: flag.list({ description: "conditions that may differ: ef, k, timeoutMs, …", placeholder: "name,…" }),
    alpha: flag.fraction({ description: "how often two equal runs may be called different", default: 0.05 }),
    seed: flag.count({ description: "of the resampling", default: 1 }),
  },
  examples: [
    ["ragctl load compare before.json after.json", "did this change make it worse?"],
    ["ragctl load compare main.json pr.json --max-regression p99=5% --markdown comment.md", "in CI, for the pull request"],
  ],
  resultSchema: compareResultSchema,
  async run({ positionals, flags }, { runtime, note }) {
    const { compareRuns, parseMaxRegression, readRuns, seriesOf } = await import("../../src/load/compare/index.ts");
    const maxRegression = parseMaxRegression(flags.maxRegression);
    if (!(flags.alpha > 0 && flags.alpha < 1))
      throw usageError([{ path: "--alpha", message: "expected a share between 0 and 1" }]);
    const sources = await readRuns(positionals, { cwd: runtime.cwd, stateDir: runtime.stateDir });
    const [a, b] = sources.map(({ name, result }) => lenient(seriesOf(name, result), flags.ignore));
    const result = compareRuns(a!, b!, { maxRegression, alpha: flags.alpha, seed: flags.seed });
    if (flags.markdown !== undefined) {
      try {
        await writeFile(resolve(runtime.cwd, flags.markdown), compareMarkdown(result));
      } catch (error) {
        throw usageError([{ path: "--markdown", message: `${flags.markdown} cannot be written: ${(error as Error).message}` }]);
      }
      note(`the comparison is in ${flags.markdown}`);
    }
    const exitCode = result.regression
      ? ExitCode.failed
      : result.verdict === "not comparable"
        ? ExitCode.inconclusive
        : ExitCode.ok;
    return { result, exitCode };
  },
  human: compareReport,
});

/** The same run without the conditions that may differ. */
function lenient(series: RunSeries, ignored: readonly string[]): RunSeries {
  const names = Object.keys(series.conditions);
  const unknown = ignored.filter((condition) => !names.includes(condition));
  if (unknown.length > 0)
    throw usageError([
      { path: "--ignore", message: `no condition is called ${unknown.join(" or ")}: there are ${names.join(", ")}` },
    ]);
  const conditions = Object.entries(series.conditions).filter(([condition]) => !ignored.includes(condition));
  return { ...series, conditions: Object.fromEntries(conditions) };
}
