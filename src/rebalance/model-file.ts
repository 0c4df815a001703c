import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import { modelText, parseModel, type SemanticModel } from "../kmeans/index.ts";

/** @throws RagctlError (exit 2): cannot be read, or is no model */
export function readModel(cwd: string, file: string): SemanticModel {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), "utf8");
  } catch (error) {
    throw usageError([{ file, message: `cannot be read: ${(error as Error).message}` }], { code: "model-unreadable" });
  }
  return parseModel(text, file);
}

/** Refuses to write over a file that is there and is no model: known before a long fit begins. @throws RagctlError (exit 2) */
export function checkModelPlace(cwd: string, file: string): void {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw unwritable(file, error);
  }
  if (text === "" || text.includes('"ragctl-semantic-model"')) return;
  throw new RagctlError(`${file} is there already, and is no model: it is not written over.`, {
    code: "file-in-the-way",
    exitCode: ExitCode.usage,
    hint: "Name another file with --out.",
  });
}

/** @throws RagctlError (exit 2) */
export function writeModel(cwd: string, file: string, model: SemanticModel): void {
  try {
    writeFileSync(resolve(cwd, file), modelText(model));
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, error: unknown): RagctlError {
  return new RagctlError(`${file} cannot be written: ${(error as Error).message}`, {
    code: "file-unwritable",
    exitCode: ExitCode.usage,
    cause: error,
  });
}
