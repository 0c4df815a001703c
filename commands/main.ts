import { ExitCode, RagctlError, usageError } from "../src/errors.ts";
import { Interrupted, type Output, type Runtime } from "../src/runtime.ts";
import { scrubber } from "../src/secrets.ts";
import { readCommandLine, type CommandLine, type CommandName } from "./command-line.ts";
import type { CommandContext, CommandDefinition, GlobalFlags, Invocation, Outcome } from "./define.ts";
import { commands, groups } from "./index.ts";

// What only some command lines need is imported where it is needed: `ragctl --help` must be there at once.

/** Runs one command line and returns its exit code; never throws, and writes only through the Runtime. */
export async function main(runtime: Runtime): Promise<ExitCode> {
  return (await execute(runtime)).exitCode;
}

/** @param within true for a command line within a command, whose interruption the outer one reports */
async function execute(unscrubbed: Runtime, within = false): Promise<Invocation> {
  const runtime = scrubbed(unscrubbed);
  const scrub = scrubber(runtime);
  const line = readCommandLine(runtime.argv);
  const command = line.kind === "command" ? line.name : "";
  const warnings: string[] = [];
  let globals = guessGlobals(runtime);
  let announced = false;
  try {
    if (line.kind !== "command") return await answer(runtime, line, globals);
    const definition: CommandDefinition = await commands[line.name].load();
    const { parseArguments } = await import("./parse.ts");
    const parsed = parseArguments(runtime, line.name, definition, line.rest);
    if (parsed.kind === "help") {
      runtime.stdout.write(parsed.text);
      return { exitCode: ExitCode.ok };
    }
    globals = parsed.globals;
    const print = async (outcome: Outcome<unknown>): Promise<ExitCode> => {
      const exitCode = outcome.exitCode ?? ExitCode.ok;
      const next = (outcome.next ?? []).map((each) => withChoice(each, globals));
      if (globals.json) {
        const { resultDocument } = await import("../src/report/document.ts");
        unscrubbed.stdout.write(resultDocument({ command, exitCode, result: outcome.result, warnings, next }, scrub));
      } else {
        const text = definition.human(outcome.result, await styleFor(runtime, runtime.stdout, globals));
        if (text) runtime.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
        if (!globals.quiet) for (const each of next) runtime.stderr.write(`${context.style.dim("next:")} ${each}\n`);
      }
      return exitCode;
    };
    const announce = async (result: unknown) => {
      announced = true;
      await print({ result });
    };
    const context: CommandContext = { ...(await makeContext(runtime, globals, warnings)), announce };
    await healBeforeCommand(context, line.name);
    const outcome = await definition.run(parsed.input, context);
    const exitCode = announced ? (outcome.exitCode ?? ExitCode.ok) : await print(outcome);
    return { exitCode, result: outcome.result };
  } catch (thrown) {
    const error = asRagctlError(thrown);
    if (within && error.code === "interrupted") return { exitCode: error.exitCode, error };
    // Where the one document has been printed already, what came after it is for people.
    if (globals.json && !announced) {
      const { errorDocument } = await import("../src/report/document.ts");
      unscrubbed.stdout.write(errorDocument({ command, error, warnings }, scrub));
    } else {
      const { humanError } = await import("../src/report/human-error.ts");
      runtime.stderr.write(humanError(error, await styleFor(runtime, runtime.stderr, globals)));
    }
    return { exitCode: error.exitCode, error };
  }
}

/** What a person would run next speaks to the cluster that this command line chose. */
function withChoice(next: string, { config, cluster }: GlobalFlags): string {
  if (!next.startsWith("ragctl ")) return next;
  const missing = Object.entries({ config, cluster }).filter(
    ([name, value]) => value !== undefined && !next.includes(`--${name}`),
  );
  return [next, ...missing.map(([name, value]) => `--${name} ${value}`)].join(" ");
}

/** Command lines without a command: help, the version, or what is wrong. */
async function answer(
  runtime: Runtime,
  line: Exclude<CommandLine, { kind: "command" }>,
  globals: GlobalFlags,
): Promise<Invocation> {
  // A person who types a noun alone wants to know its verbs; a program that does so has made a mistake.
  if (globals.json && (line.kind === "nothing" || line.kind === "incomplete"))
    throw usageError([{ message: line.kind === "nothing" ? "no command given" : `${line.group} needs a verb` }], {
      hint: "ragctl --help",
    });
  switch (line.kind) {
    case "version":
      runtime.stdout.write(`${runtime.versions.ragctl}\n`);
      return { exitCode: ExitCode.ok };
    case "unknown": {
      const { nearest } = await import("../src/config/suggest.ts");
      const near = nearest(line.words, [...Object.keys(commands), ...Object.keys(groups)]);
      const suggestion = near === undefined ? "" : `; did you mean "${near}"?`;
      throw usageError([{ message: `there is no command "${line.words}"${suggestion}` }], {
        code: "command-unknown",
        hint: near === undefined ? "ragctl --help lists them" : `ragctl ${near} --help`,
      });
    }
    default: {
      const { overview } = await import("./help.ts");
      runtime.stdout.write(overview(line.kind === "nothing" ? undefined : line.group, runtime.stdout.columns));
      return { exitCode: ExitCode.ok };
    }
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
    const inner: Runtime = {
      ...runtime,
      argv: [...argv, ...shared],
      cwd: cwd ?? runtime.cwd,
      stdout: show && !globals.quiet ? shown : silent,
      stderr: show ? runtime.stderr : silent,
      signal: shielded ? never : runtime.signal,
      hardSignal: shielded ? never : runtime.hardSignal,
    };
    return await execute(inner, true);
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
  const interrupt = interruptIn(thrown);
  if (interrupt)
    return new RagctlError(interrupt.message, {
      code: "interrupted",
      exitCode: interrupt.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted,
    });
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
  return new RagctlError(`a bug in ragctl: ${cause.message}`, {
    code: "bug",
    exitCode: ExitCode.bug,
    hint: "please report it with the stack above",
    cause,
  });
}

/** The interruption that an error is about: itself, or the reason that a library wrapped into an error of its own. */
function interruptIn(thrown: unknown): Interrupted | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) if (error instanceof Interrupted) return error;
  return undefined;
}

async function makeContext(
  runtime: Runtime,
  globals: GlobalFlags,
  warnings: string[],
): Promise<Omit<CommandContext, "announce">> {
  const { silentProgress, terminalProgress } = await import("../src/report/progress.ts");
  const style = await styleFor(runtime, runtime.stderr, globals);
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

async function styleFor(runtime: Runtime, output: Output, globals: GlobalFlags) {
  const { makeStyle, wantsColor } = await import("../src/report/style.ts");
  return makeStyle({ color: wantsColor(runtime.env, output, globals.color), columns: output.columns, clip: output.isTTY });
}

/**
 * The same runtime, but no secret that is known by then gets through its outputs, whoever writes them. JSON documents go
 * past it, because they are scrubbed value by value.
 */
function scrubbed(runtime: Runtime): Runtime {
  const scrub = scrubber(runtime);
  const wrap = (output: Output): Output => ({
    write: (text) => output.write(scrub(text)),
    get isTTY() {
      return output.isTTY;
    },
    get columns() {
      return output.columns;
    },
    get stream() {
      return output.stream;
    },
  });
  return { ...runtime, stdout: wrap(runtime.stdout), stderr: wrap(runtime.stderr) };
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
