import type { ZodType } from "zod";
import type { ExitCode, RagctlError } from "../src/errors.ts";
import type { Style } from "../src/report/style.ts";
import type { Progress } from "../src/report/progress.ts";
import type { Runtime } from "../src/runtime.ts";
import type { Flags, FlagValues } from "./flags.ts";

/** The flags that every command takes. */
export interface GlobalFlags {
  config: string | undefined;
  cluster: string | undefined;
  json: boolean;
  quiet: boolean;
  yes: boolean;
  /** False with `--no-input`, with `--json`, and off a terminal: then nothing may be asked. */
  input: boolean;
  color: boolean | undefined;
  verbose: boolean;
}

/** What a command works with: the process boundary, the global flags, and where to say things on the way. */
export interface CommandContext {
  runtime: Runtime;
  globals: GlobalFlags;
  /** Progress on stderr: a line with ETA on a terminal, nothing elsewhere. */
  progress: Progress;
  /** A line on stderr for people (not shown with --quiet or --json). */
  note: (text: string) => void;
  /** A warning: on stderr at once, and in the JSON document's `warnings`. */
  warn: (text: string) => void;
  /** Style for stderr. */
  style: Style;
  /**
   * Prints the result now, as the command's one document, instead of when it ends: for commands that serve until they are stopped.
   * What `run` returns later is not printed, and gives the exit code alone.
   */
  announce: (result: unknown) => Promise<void>;
  /** Runs another command line in this process, as if typed; for a command that is made of commands. */
  invoke: (argv: string[], options?: InvokeOptions) => Promise<Invocation>;
}

interface InvokeOptions {
  cwd?: string;
  /** Print its result for people, on stderr where stdout must stay one JSON document. */
  show?: boolean;
  /** Runs to its end even though Ctrl-C was pressed: for cleaning up. */
  shielded?: boolean;
}

export interface Invocation {
  exitCode: ExitCode;
  result?: unknown;
  error?: RagctlError;
}

export interface Outcome<R> {
  result: R;
  /** 0 unless given. */
  exitCode?: ExitCode;
  /** Commands a person would run now. */
  next?: string[];
}

interface Positional {
  name: string;
  description: string;
  required?: boolean;
  variadic?: boolean;
}

export interface CommandDefinition<F extends Flags = Flags, R = unknown> {
  /** What `--help` says below the summary, which stands in the registry. */
  details?: string;
  positionals?: readonly Positional[];
  flags: F;
  /** Command lines with what they do. */
  examples?: readonly (readonly [string, string])[];
  /** The published schema of `result`. */
  resultSchema?: ZodType<R>;
  run(
    input: { positionals: string[]; flags: FlagValues<F>; given: ReadonlySet<string> },
    context: CommandContext,
  ): Promise<Outcome<R>>;
  /** The result for people, on stdout. */
  human(result: R, style: Style): string;
}

/** Identity, for inference: the types of flags and result reach `run` and `human`. */
export function defineCommand<F extends Flags, R>(definition: CommandDefinition<F, R>): CommandDefinition<F, R> {
  return definition;
}
