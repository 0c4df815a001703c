import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { packageRoot } from "../../src/version.ts";

const compiled = new Map<string, ValidateFunction>();

/** What is wrong with a document that `ragctl COMMAND --json` printed, by its published schema; empty when nothing is. */
export function schemaProblems(command: string, document: unknown): string[] {
  const validate = compiled.get(command) ?? compile(command);
  if (validate(document)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || "/"} ${message ?? ""}`);
}

function compile(command: string): ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const path = join(packageRoot, "schemas", `${command.replaceAll(" ", "-")}.json`);
  const validate = ajv.compile(JSON.parse(readFileSync(path, "utf8")) as object);
  compiled.set(command, validate);
  return validate;
}
