import { Command, CommanderError, Option } from "commander";
import { usageError, type Problem } from "../src/errors.ts";
import type { Runtime } from "../src/runtime.ts";
import { durationInput, sizeInput } from "../src/units.ts";
import { globalOptions, type CommandName } from "./command-line.ts";
import type { CommandDefinition, GlobalFlags } from "./define.ts";
import { kebab, type FlagSpec } from "./flags.ts";
import { commands } from "./index.ts";

export type Parsed =
  | { kind: "help"; text: string }
  | { kind: "run"; globals: GlobalFlags; input: { positionals: string[]; flags: Record<string, unknown>; given: Set<string> } };

/**
 * Reads the arguments of one command.
 * @param args everything but the command's name
 * @throws RagctlError exit 2 with every value that does not parse
 */
export function parseArguments(
  runtime: Runtime,
  name: CommandName,
  definition: CommandDefinition,
  args: readonly string[],
): Parsed {
  const command = describe(name, definition);
  let help = "";
  let complaint = "";
  let positionals: string[] = [];
  command
    .exitOverride()
    // Beside long flags, too, what they mean stays within the terminal.
    .configureHelp({ minWidthToWrap: 20 })
    .configureOutput({
      writeOut: (text) => (help += text),
      writeErr: (text) => (complaint += text),
      getOutHelpWidth: () => Math.min(runtime.stdout.columns, 100),
      getErrHelpWidth: () => Math.min(runtime.stderr.columns, 100),
    })
    .action((...received: unknown[]) => {
      const words = received.slice(0, -2) as (string | string[] | undefined)[];
      positionals = words.flat().filter((word) => word !== undefined);
    });
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "help", text: help };
    const message = complaint
      .trim()
      .replace(/^error: /, "")
      .replaceAll(/\s*\n\s*/g, " ");
    throw usageError([{ message }], { hint: `ragctl ${name} --help` });
  }
  return { kind: "run", globals: readGlobals(command, runtime), input: { positionals, ...readFlags(command, definition) } };
}

function describe(name: CommandName, definition: CommandDefinition): Command {
  const { summary } = commands[name];
  const command = new Command(`ragctl ${name}`).description(definition.details ? `${summary}\n\n${definition.details}` : summary);
  for (const { name: word, description, required, variadic } of definition.positionals ?? []) {
    const shown = `${word}${variadic ? "..." : ""}`;
    command.argument(required ? `<${shown}>` : `[${shown}]`, description);
  }
  for (const [key, spec] of Object.entries(definition.flags)) command.addOption(toOption(key, spec));
  for (const [flags, description] of globalOptions)
    command.addOption(new Option(flags, description).helpGroup("Global options:"));
  command.addHelpOption(new Option("-h, --help", "this").helpGroup("Global options:"));
  if (definition.examples?.length)
    command.addHelpText(
      "after",
      `\nExamples:\n${definition.examples.map(([line, what]) => `  ${line}\n      ${what}`).join("\n")}`,
    );
  return command;
}

/** Values stay text here: readFlags parses them all, so that every mistake is reported at once. */
function toOption(key: string, spec: FlagSpec<unknown>): Option {
  const value = spec.kind === "boolean" ? "" : ` <${spec.placeholder}>`;
  const option = new Option(
    `${spec.short ? `-${spec.short}, ` : ""}--${kebab(key)}${value}`,
    `${spec.description}${aside(spec)}`,
  );
  if (spec.kind === "list") option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  return option;
}

/** What stands behind a description: that the flag must be given, or what counts when it is not. */
function aside({ kind, placeholder, required, default: fallback }: FlagSpec<unknown>): string {
  if (required) return " (required)";
  if (kind !== "value" || fallback === undefined) return "";
  const text =
    typeof fallback !== "number"
      ? (fallback as string)
      : placeholder === "duration"
        ? durationInput(fallback)
        : placeholder === "size"
          ? sizeInput(fallback)
          : `${fallback}${placeholder === "rate" ? "/s" : ""}`;
  return ` (default: ${text})`;
}

function readFlags(command: Command, definition: CommandDefinition): { flags: Record<string, unknown>; given: Set<string> } {
  const raw = command.opts<Record<string, unknown>>();
  const problems: Problem[] = [];
  const flags: Record<string, unknown> = {};
  const given = new Set<string>();
  for (const [key, spec] of Object.entries<FlagSpec<unknown>>(definition.flags)) {
    const value = rawValue(raw, key);
    if (value === undefined) {
      if (spec.required) problems.push({ path: `--${kebab(key)}`, message: "must be given" });
      flags[key] = spec.default;
      continue;
    }
    given.add(key);
    const parsed = (text: string): unknown => {
      try {
        return spec.parse(text);
      } catch (error) {
        problems.push({ path: `--${kebab(key)}`, message: (error as Error).message });
        return [];
      }
    };
    if (spec.kind === "boolean") flags[key] = true;
    else if (spec.kind === "list") flags[key] = (value as string[]).flatMap(parsed);
    else flags[key] = parsed(value as string);
  }
  if (problems.length > 0) throw usageError(problems, { hint: `${command.name()} --help` });
  return { flags, given };
}

/** Commander takes `--no-x` for an `x` that is true until then. */
function rawValue(raw: Record<string, unknown>, key: string): unknown {
  const [, first, rest] = /^no([A-Z])(.*)$/.exec(key) ?? [];
  if (first === undefined) return raw[key];
  return raw[`${first.toLowerCase()}${rest}`] === false ? true : undefined;
}

function readGlobals(command: Command, runtime: Runtime): GlobalFlags {
  const raw = command.opts<
    { config?: string; cluster?: string; input: boolean; color: boolean } & Record<string, boolean | undefined>
  >();
  const json = raw["json"] === true;
  return {
    config: raw.config,
    cluster: raw.cluster,
    json,
    quiet: raw["quiet"] === true,
    yes: raw["yes"] === true,
    input: raw.input && !json && runtime.stdin.isTTY && runtime.stderr.isTTY,
    color: raw.color ? undefined : false,
    verbose: raw["verbose"] === true,
  };
}
