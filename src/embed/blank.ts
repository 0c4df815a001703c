import { ExitCode, RagctlError } from "../errors.ts";

/** @throws RagctlError exit 2 where a text has nothing to embed: no embedder has a right answer to it */
export function refuseBlank(texts: readonly string[]): void {
  const blank = texts.findIndex((text) => text.trim() === "");
  if (blank === -1) return;
  throw new RagctlError(`text ${blank + 1} of ${texts.length} is empty, and an empty text has no vector`, {
    code: "embed-empty-text",
    exitCode: ExitCode.usage,
    hint: "leave empty texts out",
  });
}
