import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { ExitCode, RagctlError } from "../errors.ts";

/** Writes a file that was asked for. @returns the path as it was given @throws RagctlError exit 2 */
export function saveText(cwd: string, file: string, text: string): string {
  try {
    writeFileSync(resolve(cwd, file), text);
  } catch (error) {
    throw new RagctlError(`${file} cannot be written: ${(error as Error).message}`, {
      code: "file-unwritable",
      exitCode: ExitCode.usage,
      cause: error,
    });
  }
  return file;
}
