import { Chalk, type ChalkInstance } from "chalk";

/** How a report may look: colour that carries meaning, and the width it must fit. */
export interface Style {
  chalk: ChalkInstance;
  columns: number;
  /** Whether what is wider is cut; off a terminal nothing is, since something else will read it. */
  clip: boolean;
  /** Meanings, so that the same thing has the same colour everywhere. */
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

/**
 * @param color whether the sink takes colour at all
 * @param columns width in characters
 */
export function makeStyle({ color, columns, clip = true }: { color: boolean; columns: number; clip?: boolean }): Style {
  const chalk = new Chalk({ level: color ? 1 : 0 });
  return { chalk, columns, clip, good: chalk.green, warn: chalk.yellow, bad: chalk.red, dim: chalk.dim, bold: chalk.bold };
}

/** `NO_COLOR`, `FORCE_COLOR`, `--no-color` and the terminal, in the order people expect them to win. */
export function wantsColor(
  env: Readonly<Record<string, string | undefined>>,
  output: { isTTY: boolean },
  flag: boolean | undefined,
): boolean {
  if (flag !== undefined) return flag;
  if (env["NO_COLOR"]) return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  return output.isTTY && env["TERM"] !== "dumb";
}
