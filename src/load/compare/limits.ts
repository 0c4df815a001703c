import { type Problem, usageError } from "../../errors.ts";
import { parseFraction } from "../../units.ts";
import { metrics } from "./metrics.ts";

/**
 * The largest worsening that is let pass, by metric. Shares for ratios (0.05: p99 may grow by 5 %, the rate may fall by 5 %),
 * absolute for differences (0.001: 0.1 percentage points of errors or of recall). `all` stands for every metric that is not named.
 */
export type MaxRegression = Readonly<Record<string, number>>;

/**
 * `["p99=5%", "errors=0.1%", "2%"]` → `{p99: 0.05, errors: 0.001, all: 0.02}`.
 * @throws RagctlError (exit 2) with every problem at once
 */
export function parseMaxRegression(texts: readonly string[]): MaxRegression {
  const names = ["all", ...metrics.map(({ name }) => name)];
  const problems: Problem[] = [];
  const limits: Record<string, number> = {};
  for (const text of texts) {
    const [name, value] = text.includes("=")
      ? [text.slice(0, text.indexOf("=")).trim(), text.slice(text.indexOf("=") + 1)]
      : ["all", text];
    try {
      if (!names.includes(name)) throw new Error(`unknown metric "${name}": expected one of ${names.join(", ")}`);
      if (name in limits) throw new Error(`${name} is given twice`);
      limits[name] = parseFraction(value);
    } catch (error) {
      problems.push({ path: `--max-regression ${text}`, message: (error as Error).message });
    }
  }
  if (problems.length > 0)
    throw usageError(problems, { hint: "For example: --max-regression p99=5% --max-regression errors=0.1%." });
  return limits;
}

/** The limit that holds for a metric; undefined: any significant worsening is a regression. */
export function limitOf(limits: MaxRegression, metric: string): number | undefined {
  return limits[metric] ?? limits["all"];
}
