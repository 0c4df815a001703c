import { ExitCode, RagctlError } from "../errors.ts";

/** A start that failed: the JSON line for the supervisor, the sentence for people, and the exit code. */
export function reportFailure(error: unknown): { line: string; text: string; exitCode: ExitCode } {
  if (error instanceof RagctlError) {
    const { code, message, hint, exitCode } = error;
    return {
      line: JSON.stringify({ event: "failed", code, message, hint, exitCode }),
      text: hint ? `${message}\n${hint}` : message,
      exitCode,
    };
  }
  const cause = error instanceof Error ? error : new Error(String(error));
  // parseArgs throws TypeErrors with such codes for flags it does not know: the caller's mistake.
  const isUsage = String((cause as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
  const exitCode = isUsage ? ExitCode.usage : ExitCode.bug;
  const line = JSON.stringify({ event: "failed", code: isUsage ? "usage" : "bug", message: cause.message, exitCode });
  return { line, text: isUsage ? cause.message : (cause.stack ?? cause.message), exitCode };
}
