import { ExitCode, type RagctlError } from "../errors.ts";

/** Version of the envelope and of every result in it. */
export const schemaVersion = 1;

/** The one JSON document of a command that has a result to give, as text with a closing newline. */
export function resultDocument(input: {
  command: string;
  exitCode: ExitCode;
  result: unknown;
  warnings: string[];
  next: string[];
}): string {
  const { command, exitCode, result, warnings, next } = input;
  return line({
    schemaVersion,
    command,
    ok: exitCode === ExitCode.ok || exitCode === ExitCode.changes,
    exitCode,
    result,
    warnings,
    next,
  });
}

/** The same where there is only an error. */
export function errorDocument(input: { command: string; error: RagctlError; warnings: string[] }): string {
  const { command, error, warnings } = input;
  const { code, message, hint, details } = error;
  return line({
    schemaVersion,
    command,
    ok: false,
    exitCode: error.exitCode,
    error: {
      code,
      message,
      hint: hint ?? null,
      details: details ?? null,
      ...(error.exitCode === ExitCode.bug ? { stack: stackOf(error) } : {}),
    },
    warnings,
    next: [],
  });
}

export function stackOf(error: RagctlError): string {
  return (error.cause instanceof Error ? error.cause.stack : error.stack) ?? String(error);
}

function line(document: unknown): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
