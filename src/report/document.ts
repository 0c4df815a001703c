import { ExitCode, type RagctlError } from "../errors.ts";
import { scrubbedJson } from "../secrets.ts";

/** Version of the envelope and of every result in it. */
export const schemaVersion = 1;

/** Takes secrets out of a text. */
type Scrub = (text: string) => string;

/** The one JSON document of a command that has a result to give, as text with a closing newline. */
export function resultDocument(
  input: { command: string; exitCode: ExitCode; result: unknown; warnings: string[]; next: string[] },
  scrub: Scrub = same,
): string {
  const { command, exitCode, result, warnings, next } = input;
  return line(scrub, {
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
export function errorDocument(input: { command: string; error: RagctlError; warnings: string[] }, scrub: Scrub = same): string {
  const { command, error, warnings } = input;
  const { code, message, hint, details } = error;
  return line(scrub, {
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

const same: Scrub = (text) => text;

function line(scrub: Scrub, document: unknown): string {
  return `${scrubbedJson(document, scrub, 2)}\n`;
}
