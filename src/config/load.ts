import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { usageError, type Problem } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { rememberSecrets } from "../secrets.ts";
import { formatBytes } from "../units.ts";
import { moduleExtensions } from "./find.ts";
import { secretsOf } from "./redact.ts";
import type { ConfigFile } from "./schema.ts";
import { findCycle, parseSourceText, type SourceText } from "./source-text.ts";
import { validateConfig } from "./validate.ts";

export interface LoadedConfig {
  /** Absolute. */
  file: string;
  /** As messages show it: relative where it stands below the working directory. */
  shownFile: string;
  config: ConfigFile;
  warnings: Problem[];
}

/** A thousand nodes fit well; what is larger is another file, and would take seconds to parse. */
const largestBytes = 256 * 1024;

/**
 * Reads, expands and validates one config file.
 * @param file absolute
 * @throws RagctlError exit 2, code `config-invalid`, with every problem: file, line, path, what was expected
 */
export async function loadConfigFile(
  runtime: Pick<Runtime, "env" | "cwd">,
  file: string,
  options: { hint?: string } = {},
): Promise<LoadedConfig> {
  const shownFile = shownPath(runtime.cwd, file);
  const failed = (problems: Problem[]) =>
    usageError(problems, { code: "config-invalid", hint: options.hint ?? "ragctl config schema describes every key" });
  const source = await readSource(file);
  if (source.problems.length > 0) throw failed(source.problems.map((problem) => ({ file: shownFile, ...problem })));
  if (source.value === undefined || source.value === null)
    throw failed([{ file: shownFile, message: "is empty: expected clusters: and what they are; ragctl init writes a starter" }]);
  const { config, expanded, problems, warnings } = validateConfig(source.value, {
    env: runtime.env,
    file: shownFile,
    lineOf: (path) => source.lineOf(path),
    fileExists: (path) => isReadable(resolve(dirname(file), path)),
  });
  rememberSecrets(runtime, secretsOf(expanded));
  if (!config) throw failed(problems);
  return { file, shownFile, config, warnings };
}

/**
 * The same for a config that is a value already.
 * @param shownFile what messages call it
 */
export function loadConfigValue(runtime: Pick<Runtime, "env" | "cwd">, value: unknown, shownFile: string): ConfigFile {
  const { config, expanded, problems } = validateConfig(value, {
    env: runtime.env,
    file: shownFile,
    lineOf: () => undefined,
    fileExists: (path) => isReadable(resolve(runtime.cwd, path)),
  });
  rememberSecrets(runtime, secretsOf(expanded));
  if (!config) throw usageError(problems, { code: "config-invalid", hint: "ragctl config schema describes every key" });
  return config;
}

/** Relative to the working directory where that is shorter to read. */
export function shownPath(cwd: string, file: string): string {
  const path = relative(cwd, file);
  return path === "" || path.startsWith("..") || isAbsolute(path) ? file : path;
}

/** A YAML, JSON or module file as a value that knows its lines; what is wrong with the file itself stands in `problems`. */
export async function readSource(file: string): Promise<SourceText> {
  const failed = (...problems: Omit<Problem, "file">[]): SourceText => ({ value: undefined, problems, lineOf: () => undefined });
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) return failed({ message: "there is no such file" });
  if (stat.isDirectory()) return failed({ message: "is a directory: expected a file" });
  if (!stat.isFile()) return failed({ message: "is not a regular file" });
  if (stat.size > largestBytes)
    return failed({ message: `is ${formatBytes(stat.size)}: expected a config of at most ${formatBytes(largestBytes)}` });
  const extension = extname(file).slice(1);
  if (moduleExtensions.includes(extension)) return await readModule(file, failed);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return failed({ message: `cannot be read: ${systemMessage(error)}` });
  }
  if (text.includes("\0")) return failed({ message: "is not a text file: expected YAML" });
  const source = parseSourceText(text, extension === "json" ? "json" : "yaml");
  return basename(file) === "package.json" && source.problems.length === 0 ? within(source, "ragctl") : source;
}

/** The value of one key, as if it were the file. */
function within(source: SourceText, key: string): SourceText {
  const value = (source.value as Record<string, unknown> | null)?.[key];
  return { value, problems: source.problems, lineOf: (path) => source.lineOf([key, ...path]) };
}

async function readModule(file: string, failed: (...problems: Omit<Problem, "file">[]) => SourceText): Promise<SourceText> {
  try {
    const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
    if (typeof module.default !== "object" || module.default === null)
      return failed({
        message: `expected "export default {…}", got ${module.default === undefined ? "no default export" : `a ${typeof module.default}`}`,
      });
    const cycle = findCycle(module.default);
    if (cycle) return failed({ message: `${cycle.map(String).join(".")} contains itself: expected a tree` });
    return { value: structuredCopy(module.default), problems: [], lineOf: () => undefined };
  } catch (error) {
    const line = lineInStack(error, file);
    return failed({ ...(line === undefined ? {} : { line }), message: `could not be run: ${firstLine(error)}` });
  }
}

/** Plain data of a module's export: getters are read once, undefined entries are left out. */
function structuredCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCopy);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key, structuredCopy(each)]),
  );
}

function lineInStack(error: unknown, file: string): number | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = stack.indexOf(basename(file));
  const match = at < 0 ? undefined : /^:(\d+)/.exec(stack.slice(at + basename(file).length));
  return match ? Number(match[1]) : undefined;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n", 1)[0] ?? "";
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function systemMessage(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "EACCES" ? "permission denied" : message;
}
