import { createHash } from "node:crypto";
import type { Origin, ReaderOptions, SourceDocument } from "../contract.ts";
import { textProblem } from "./utf8.ts";
import { vectorOf } from "./vector.ts";

/** Keys travel in payloads, journals and logs. */
const maxIdBytes = 512;

/**
 * The document of one JSON text, or why there is none.
 * @param options which fields hold id, text, title and vector
 */
export function documentOfJson(json: string, options: ReaderOptions, origin: Origin): SourceDocument | string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return `not JSON: ${(error as Error).message}`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return `a JSON object is wanted, this is ${value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`}`;
  return documentOf(value as Record<string, unknown>, options, origin, () => json.trim());
}

/**
 * The document of one record, or why there is none: a clause for people.
 * @param content what an id is made from where the record has none
 */
export function documentOf(
  record: Record<string, unknown>,
  options: ReaderOptions,
  origin: Origin,
  content: () => string,
): SourceDocument | string {
  const { [options.textField]: text, ...others } = record;
  const given = options.vectorField === undefined ? undefined : record[options.vectorField];
  if (options.vectorField !== undefined) delete others[options.vectorField];
  const vector = given === undefined || given === null ? undefined : vectorOf(given);
  if (typeof vector === "string") return `field "${options.vectorField}" ${vector}`;
  if (!vector && (text === undefined || text === null))
    return `no field "${options.textField}" (--text-field names the field with the text)`;
  if (text !== undefined && text !== null && typeof text !== "string") return `field "${options.textField}" is not text`;
  const problem = fieldProblem({ ...others, [options.textField]: text });
  if (problem) return problem;
  const id = idOf(record[options.idField], options.idField);
  if (typeof id === "object") return id.problem;
  const title = record[options.titleField];
  return {
    kind: "document",
    id: `${options.idPrefix}${id ?? contentId(content())}`,
    idFromContent: id === undefined,
    origin,
    text: text ?? "",
    ...(typeof title === "string" && title.trim() !== "" ? { title: title.trim() } : {}),
    format: "text",
    ...(vector ? { vector } : {}),
    fields: kept(others, options.payload),
    record: () =>
      JSON.stringify(record, (_name, value: unknown) => (ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value)),
  };
}

function kept(fields: Record<string, unknown>, payload: ReaderOptions["payload"]): Record<string, unknown> {
  if (payload === "all") return fields;
  if (payload === "none") return {};
  return Object.fromEntries(Object.entries(fields).filter(([name]) => payload.includes(name)));
}

function idOf(value: unknown, field: string): string | undefined | { problem: string } {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  if (typeof value !== "string") return { problem: `field "${field}" is neither text nor a whole number below 2^53` };
  if (value.trim() === "") return { problem: `field "${field}" is empty` };
  const bytes = Buffer.byteLength(value);
  return bytes > maxIdBytes ? { problem: `field "${field}" has ${bytes} bytes; an id has at most ${maxIdBytes}` } : value;
}

/** For a record without an id: the same record always gets the same one. */
function contentId(content: string): string {
  return `sha256:${createHash("sha256").update(content).digest("hex").slice(0, 32)}`;
}

/** Looks through all of a record, names included. */
function fieldProblem(record: Record<string, unknown>): string | undefined {
  for (const [name, value] of Object.entries(record)) {
    if (name.startsWith("_ragctl_")) return `field "${name}": names that begin with _ragctl_ are ragctl's own`;
    const problem = textProblem(name) ?? valueProblem(value, 0);
    if (problem) return `field ${JSON.stringify(name)} ${problem}`;
  }
  return undefined;
}

function valueProblem(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return textProblem(value);
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > 64) return "is nested deeper than 64 levels";
  for (const [name, inner] of Object.entries(value)) {
    const problem = textProblem(name) ?? valueProblem(inner, depth + 1);
    if (problem) return problem;
  }
  return undefined;
}
