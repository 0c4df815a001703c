import { Command, CommanderError, Option } from "commander";
import { ExitCode, exitCodeMeanings, RagctlError, usageError, type Problem } from "../src/errors.ts";
import { errorDocument, resultDocument } from "../src/report/document.ts";
import { humanError } from "../src/report/human-error.ts";
import { silentProgress, terminalProgress } from "../src/report/progress.ts";
import { makeStyle, wantsColor } from "../src/report/style.ts";
import { Interrupted, type Output, type Runtime } from "../src/runtime.ts";
import type { CommandContext, CommandDefinition, GlobalFlags, Invocation } from "./define.ts";
import type { FlagSpec } from "./flags.ts";
import { commands, groups } from "./index.ts";

type CommandName = keyof typeof commands;

/** Runs one command line and returns its exit code; never throws, and writes only through the Runtime. */
export async function main(runtime: Runtime): Promise<ExitCode> {
  return (await execute(runtime)).exitCode;
}

async function execute(runtime: Runtime): Promise<Invocation> {
  const name = commandName(runtime.argv);
  const warnings: string[] = [];
  let globals = guessGlobals(runtime);
  const style = () =>
    makeStyle({ color: wantsColor(runtime.env, runtime.stderr, globals.color), columns: runtime.stderr.columns });
  try {
    const definition: CommandDefinition | undefined = name ? await commands[name].load() : undefined;
    const parsed = parse(runtime, name, definition);
    if (parsed.kind === "printed") return { exitCode: parsed.exitCode };
    globals = parsed.globals;
    if (!definition || !name) throw new Error("commander accepted a command that the registry does not have");
    const context = makeContext(runtime, globals, warnings);
    await healBeforeCommand(context, name);
    const outcome = await definition.run(parsed.input, context);
    const exitCode = outcome.exitCode ?? ExitCode.ok;
    if (globals.json)
      runtime.stdout.write(
        resultDocument({ command: name, exitCode, result: outcome.result, warnings, next: outcome.next ?? [] }),
      );
    else {
      const out = makeStyle({ color: wantsColor(runtime.env, runtime.stdout, globals.color), columns: runtime.stdout.columns });
      const text = definition.human(outcome.result, out);
      if (text) runtime.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
      if (!globals.quiet) for (const next of outcome.next ?? []) runtime.stderr.write(`${style().dim("next:")} ${next}\n`);
    }
    return { exitCode, result: outcome.result };
  } catch (thrown) {
    const error = asRagctlError(thrown);
    if (globals.json) runtime.stdout.write(errorDocument({ command: name ?? "", error, warnings }));
    else runtime.stderr.write(humanError(error, style()));
    return { exitCode: error.exitCode, error };
  }
}

/** A command line within a command: the same process boundary but for what `options` change. */
function invoker(runtime: Runtime, globals: GlobalFlags): CommandContext["invoke"] {
  const silent: Output = { write: () => {}, isTTY: false, columns: 80 };
  const never = new AbortController().signal;
  return async (argv, { cwd, show = false, shielded = false } = {}) => {
    const shared = [...(globals.quiet ? ["--quiet"] : []), ...(globals.color === false ? ["--no-color"] : []), "--no-input"];
    // Where the outer command owes one JSON document, what the inner ones print is for people: stderr.
    const shown = globals.json ? runtime.stderr : runtime.stdout;
    return await execute({
      ...runtime,
      argv: [...argv, ...shared],
      cwd: cwd ?? runtime.cwd,
      stdout: show && !globals.quiet ? shown : silent,
      stderr: show ? runtime.stderr : silent,
      signal: shielded ? never : runtime.signal,
      hardSignal: shielded ? never : runtime.hardSignal,
    });
  };
}

/** Faults that an earlier, dead ragctl left are healed before anything else happens; a directory look-up when there are none. */
async function healBeforeCommand(context: CommandContext, name: CommandName): Promise<void> {
  if (name.startsWith("chaos")) return;
  const { healLeftovers } = await import("../src/faults/leftovers.ts");
  await healLeftovers(context.runtime, (text) => context.warn(text));
}

function asRagctlError(thrown: unknown): RagctlError {
  if (thrown instanceof RagctlError) return thrown;
  if (thrown instanceof Interrupted)
    return new RagctlError(thrown.message, {
      code: "interrupted",
      exitCode: thrown.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted,
    });
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
  return new RagctlError(`a bug in ragctl: ${cause.message}`, {
    code: "bug",
    exitCode: ExitCode.bug,
    hint: "please report it with the stack above",
    cause,
  });
}

function makeContext(runtime: Runtime, globals: GlobalFlags, warnings: string[]): CommandContext {
  const style = makeStyle({ color: wantsColor(runtime.env, runtime.stderr, globals.color), columns: runtime.stderr.columns });
  const quiet = globals.quiet || globals.json;
  return {
    runtime,
    globals,
    style,
    progress: runtime.stderr.isTTY && !quiet ? terminalProgress(runtime.stderr, runtime.clock) : silentProgress,
    note: (text) => {
      if (!quiet) runtime.stderr.write(`${text}\n`);
    },
    warn: (text) => {
      warnings.push(text);
      if (!globals.json) runtime.stderr.write(`${style.warn("warning:")} ${text}\n`);
    },
    invoke: invoker(runtime, globals),
  };
}

/** The longest registered name that the leading words spell; words before it that are global flags are passed over. */
function commandName(argv: readonly string[]): CommandName | undefined {
  const words: string[] = [];
  for (let index = 0; index < argv.length && words.length < 3; index++) {
    const word = argv[index]!;
    if (word === "--config" || word === "--cluster") index++;
    else if (!word.startsWith("-")) words.push(word);
    else if (words.length > 0) break;
  }
  for (let length = words.length; length > 0; length--) {
    const name = words.slice(0, length).join(" ");
    if (Object.hasOwn(commands, name)) return name as CommandName;
  }
  return undefined;
}

/** Enough of the global flags to report a parse error in the right form. */
function guessGlobals(runtime: Runtime): GlobalFlags {
  const has = (name: string) => runtime.argv.includes(name);
  return {
    config: undefined,
    cluster: undefined,
    json: has("--json"),
    quiet: has("--quiet"),
    yes: false,
    input: false,
    color: has("--no-color") ? false : undefined,
    verbose: false,
  };
}

type Parsed =
  | { kind: "printed"; exitCode: ExitCode }
  | { kind: "run"; globals: GlobalFlags; input: { positionals: string[]; flags: Record<string, unknown>; given: Set<string> } };

function parse(runtime: Runtime, name: CommandName | undefined, definition: CommandDefinition | undefined): Parsed {
  let chosen: { command: Command; positionals: string[] } | undefined;
  const root = addGlobalOptions(new Command("ragctl"))
    .description("Plan, move, warm, break and measure the clusters that answer RAG queries.")
    .version(runtime.versions.ragctl, "--version")
    .addHelpText("after", `\nExit codes:\n${exitCodeLines()}\n\nEvery command explains itself: ragctl COMMAND --help`);
  const byPath = new Map<string, Command>([["", root]]);
  for (const [path, { summary }] of Object.entries(commands) as [CommandName, { summary: string }][]) {
    const words = path.split(" ");
    const parent = groupFor(byPath, words.slice(0, -1));
    const command = byPath.get(path) ?? parent.command(words.at(-1)!);
    byPath.set(path, command);
    command.summary(summary).description(summary);
    if (path === name && definition) {
      describe(command, definition);
      command.action((...received: unknown[]) => {
        chosen = {
          command,
          positionals: (received.slice(0, -2) as (string | string[] | undefined)[]).flat().filter((word) => word !== undefined),
        };
      });
    }
  }
  let printed = "";
  let complaint = "";
  for (const command of new Set(byPath.values()))
    command.exitOverride().configureOutput({
      writeOut: (text) => (printed += text),
      writeErr: (text) => (complaint += text),
      getOutHelpWidth: () => Math.min(runtime.stdout.columns, 100),
      getErrHelpWidth: () => Math.min(runtime.stderr.columns, 100),
    });
  try {
    root.parse([...runtime.argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) {
      runtime.stdout.write(printed);
      return { kind: "printed", exitCode: ExitCode.ok };
    }
    if (error.code === "commander.help")
      throw usageError(
        [{ message: runtime.argv.length === 0 ? "no command given" : `"${runtime.argv.join(" ")}" needs a verb` }],
        { hint: `one of:\n\n${complaint || printed}` },
      );
    throw usageError([{ message: complaint.trim().replace(/^error: /, "") }], {
      hint: `ragctl ${name ?? ""} --help`.replace("  ", " "),
    });
  }
  if (!chosen) throw new Error("no action ran");
  return readOptions(chosen.command, chosen.positionals, definition!, runtime);
}

function groupFor(byPath: Map<string, Command>, words: string[]): Command {
  const path = words.join(" ");
  const known = byPath.get(path);
  if (known) return known;
  const command = groupFor(byPath, words.slice(0, -1)).command(words.at(-1)!);
  const summary = groups[path] ?? "";
  byPath.set(path, command.summary(summary).description(summary));
  return command;
}

function describe(command: Command, definition: CommandDefinition): void {
  if (definition.details) command.description(`${command.summary()}\n\n${definition.details}`);
  for (const { name, description, required, variadic } of definition.positionals ?? []) {
    const word = `${name}${variadic ? "..." : ""}`;
    command.argument(required ? `<${word}>` : `[${word}]`, description);
  }
  for (const [key, spec] of Object.entries(definition.flags)) command.addOption(toOption(key, spec));
  addGlobalOptions(command);
  if (definition.examples?.length)
    command.addHelpText(
      "after",
      `\nExamples:\n${definition.examples.map(([line, what]) => `  ${line}\n      ${what}`).join("\n")}`,
    );
}

function toOption(key: string, spec: FlagSpec<unknown>): Option {
  const long = `--${kebab(key)}`;
  const value = spec.kind === "boolean" ? "" : ` <${spec.placeholder}>`;
  const option = new Option(`${spec.short ? `-${spec.short}, ` : ""}${long}${value}`, spec.description);
  // Values stay text here: readOptions parses them all, so that every mistake is reported at once.
  if (spec.kind === "list") option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  if (spec.required) option.makeOptionMandatory(false);
  return option;
}

function addGlobalOptions(command: Command): Command {
  return command
    .addOption(new Option("--config <file>", "config file (default: found from here upwards)").helpGroup("Global options:"))
    .addOption(new Option("--cluster <name>", "cluster of the config (default: its default)").helpGroup("Global options:"))
    .addOption(new Option("--json", "print one JSON document on stdout").helpGroup("Global options:"))
    .addOption(new Option("--quiet", "no progress and no notes on stderr").helpGroup("Global options:"))
    .addOption(new Option("-y, --yes", "answer yes where a plain yes is asked for").helpGroup("Global options:"))
    .addOption(new Option("--no-input", "never ask; fail instead").helpGroup("Global options:"))
    .addOption(new Option("--no-color", "no colour, whatever the terminal").helpGroup("Global options:"))
    .addOption(new Option("--verbose", "say more on stderr").helpGroup("Global options:"));
}

function readOptions(command: Command, positionals: string[], definition: CommandDefinition, runtime: Runtime): Parsed {
  const own = command.opts<Record<string, unknown>>();
  const shared = { ...command.optsWithGlobals<Record<string, unknown>>(), ...definedOnly(own) };
  const problems: Problem[] = [];
  const flags: Record<string, unknown> = {};
  const given = new Set<string>();
  for (const [key, spec] of Object.entries<FlagSpec<unknown>>(definition.flags)) {
    const raw = own[key];
    if (raw !== undefined) given.add(key);
    if (raw === undefined) {
      if (spec.required) problems.push({ path: `--${kebab(key)}`, message: "is required" });
      flags[key] = spec.default;
      continue;
    }
    try {
      if (spec.kind === "boolean") flags[key] = true;
      else if (spec.kind === "list") flags[key] = (raw as string[]).flatMap((text) => spec.parse(text) as unknown[]);
      else flags[key] = spec.parse(raw as string);
    } catch (error) {
      problems.push({ path: `--${kebab(key)}`, message: (error as Error).message });
    }
  }
  if (problems.length > 0) throw usageError(problems);
  const json = shared["json"] === true;
  const noInput = command.getOptionValueSource("input") === "cli" || command.parent?.getOptionValueSource("input") === "cli";
  const noColor = runtime.argv.includes("--no-color");
  return {
    kind: "run",
    input: { positionals, flags, given },
    globals: {
      config: shared["config"] as string | undefined,
      cluster: shared["cluster"] as string | undefined,
      json,
      quiet: shared["quiet"] === true,
      yes: shared["yes"] === true,
      input: !noInput && !json && runtime.stdin.isTTY && runtime.stderr.isTTY,
      color: noColor ? false : undefined,
      verbose: shared["verbose"] === true,
    },
  };
}

function definedOnly(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function exitCodeLines(): string {
  return Object.entries(exitCodeMeanings)
    .map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`)
    .join("\n");
}
