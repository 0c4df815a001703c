/** The one table of exit codes; every command ends in one of these. */
export const ExitCode = {
  ok: 0,
  bug: 1,
  usage: 2,
  unreachable: 3,
  failed: 4,
  unhealed: 5,
  inconclusive: 6,
  refused: 7,
  changes: 10,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What each exit code means, as `--help` and the docs print it. */
export const exitCodeMeanings: Record<ExitCode, string> = {
  0: "done, and the verdict is good",
  1: "a bug in ragctl: the stack is shown",
  2: "usage, config or input is wrong: every problem at once",
  3: "a target could not be reached or refused",
  4: "the verdict is bad: a threshold failed, the steady state deviated, a verification differed",
  5: "a fault could not be healed, or a run was left half done: the message says how to finish",
  6: "inconclusive: the generator, not the system, was the limit",
  7: "refused by a guard: stale plan, lost quorum, last replica, lock held, protected cluster",
  10: "with --detailed-exitcode only: the plan has changes",
  130: "interrupted; what was injected has been healed, what was half done can be resumed",
  143: "terminated; as 130",
};

/** One thing wrong with an input; `line` is 1-based. */
export interface Problem {
  file?: string;
  line?: number;
  path?: string;
  message: string;
}

export interface RagctlErrorOptions {
  /** Machine-readable, stable, kebab-case: `config-invalid`, `node-unreachable`. */
  code: string;
  exitCode: Exclude<ExitCode, 0>;
  /** What the user can do about it: one sentence. */
  hint?: string;
  /** Further facts for `--json` (`error.details`); for exit 2, usually `Problem[]`. */
  details?: unknown;
  cause?: unknown;
}

/** An error that is part of the product: a sentence, a code, an exit code and a hint. Anything else that is thrown is a bug. */
export class RagctlError extends Error {
  readonly code: string;
  readonly exitCode: Exclude<ExitCode, 0>;
  readonly hint: string | undefined;
  readonly details: unknown;

  constructor(message: string, options: RagctlErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RagctlError";
    this.code = options.code;
    this.exitCode = options.exitCode;
    this.hint = options.hint;
    this.details = options.details;
  }
}

/** Exit 2 with every problem at once. The message lists them all, one a line, unless there is just one. */
export function usageError(problems: Problem[], options: { code?: string; hint?: string } = {}): RagctlError {
  const lines = problems.map(formatProblem);
  const message = lines.length === 1 ? lines[0]! : `${lines.length} problems:\n${lines.map((line) => `  ${line}`).join("\n")}`;
  return new RagctlError(message, {
    code: options.code ?? "usage",
    exitCode: ExitCode.usage,
    hint: options.hint,
    details: problems,
  });
}

/** `file:line: path: message`, leaving out what is not known. */
export function formatProblem({ file, line, path, message }: Problem): string {
  const where = file === undefined ? "" : line === undefined ? `${file}: ` : `${file}:${line}: `;
  return `${where}${path ? `${path}: ` : ""}${message}`;
}
