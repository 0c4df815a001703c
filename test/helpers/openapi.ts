import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormatsModule from "ajv-formats";

/** What is wrong with a message: a JSON pointer into the body (or the query), and a sentence. */
export interface Finding {
  at: string;
  message: string;
}

type Json = Record<string, any>;
const description = JSON.parse(readFileSync(new URL("../data/qdrant/openapi.json", import.meta.url), "utf8")) as Json;
const addFormats = addFormatsModule as unknown as (ajv: Ajv, formats: string[]) => Ajv;

const integer = (min: number, max: number) => ({
  type: "number" as const,
  validate: (n: number) => Number.isInteger(n) && n >= min && n <= max,
});
const ajv = addFormats(new Ajv({ strict: false, allErrors: true, verbose: false }), ["uuid", "date-time", "uri"])
  .addFormat("uint", integer(0, Infinity))
  .addFormat("uint8", integer(0, 255))
  .addFormat("uint32", integer(0, 2 ** 32 - 1))
  .addFormat("uint64", integer(0, Infinity))
  .addFormat("int64", integer(-Infinity, Infinity))
  .addFormat("float", { type: "number", validate: Number.isFinite })
  .addFormat("double", { type: "number", validate: Number.isFinite })
  .addFormat("binary", true)
  .addFormat("partial-date-time", true);
ajv.addSchema({ $id: "qdrant", components: close(translated(description["components"])) });

const compiled = new Map<string, ValidateFunction>();
const templates = Object.keys(description["paths"]).map((template) => ({
  template,
  // Literal segments win over templated ones: /collections/aliases is not a collection.
  literal: template.split("/").filter((segment) => segment !== "" && !segment.startsWith("{")).length,
  pattern: new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`),
}));

/**
 * Judges a request against Qdrant's OpenAPI file: that the path and the method exist, that the query has known parameters of
 * the right type, and that the body, unknown fields included, is what the schema says.
 * @param path with its query; collection names percent-encoded
 * @param body parsed JSON; undefined: none
 */
export function validateRequest(method: string, path: string, body?: unknown): Finding[] {
  const found = operation(method, path);
  if ("problem" in found) return [{ at: "", message: found.problem }];
  const { spec, key } = found;
  const content = spec["requestBody"]?.content?.["application/json"]?.schema;
  return [
    ...queryFindings(spec, path, key),
    ...(content
      ? body === undefined
        ? [{ at: "", message: "the body is missing" }]
        : check(`${key} request`, () => content, body)
      : body === undefined
        ? []
        : [{ at: "", message: "there is a body where none is described" }]),
  ];
}

/**
 * Judges an answer. Beyond the schemas, which call every field of the envelope optional, a described `result` must be there.
 * @param body parsed JSON, or text where the answer is none
 */
export function validateAnswer(method: string, path: string, status: number, body: unknown): Finding[] {
  const found = operation(method, path);
  if ("problem" in found) return [{ at: "", message: found.problem }];
  const { spec, key } = found;
  const responses = spec["responses"] as Json;
  const response = responses[status] ?? responses[`${Math.floor(status / 100)}XX`] ?? responses["default"];
  if (!response) return [{ at: "", message: `status ${status} is not described` }];
  const contents = response.content as Json | undefined;
  if (!contents) return status >= 400 ? errorShape(body) : [];
  const schema = contents["application/json"]?.schema;
  if (!schema)
    return typeof body === "string" ? [] : [{ at: "", message: `expected ${Object.keys(contents).join(" or ")}, got JSON` }];
  if (status >= 400) return errorShape(body);
  const findings = check(`${key} ${status}`, () => schema, body);
  const missing = ["result", "status", "time"].filter(
    (field) => schema.properties?.result && (body as Json | null)?.[field] === undefined,
  );
  return [...findings, ...missing.map((field) => ({ at: `/${field}`, message: "is missing" }))];
}

function errorShape(body: unknown): Finding[] {
  const findings = check("error", () => ({ $ref: "#/components/schemas/ErrorResponse" }), body);
  return typeof (body as Json | null)?.["status"]?.error === "string"
    ? findings
    : [...findings, { at: "/status/error", message: "is missing" }];
}

function operation(method: string, path: string): { spec: Json; key: string } | { problem: string } {
  const bare = path.split("?")[0]!;
  const match = templates.filter(({ pattern }) => pattern.test(bare)).toSorted((a, b) => b.literal - a.literal)[0];
  if (!match) return { problem: `no path ${bare}` };
  const spec = description["paths"][match.template][method.toLowerCase()];
  return spec ? { spec, key: `${method} ${match.template}` } : { problem: `no method ${method} for ${match.template}` };
}

function queryFindings(spec: Json, path: string, key: string): Finding[] {
  const parameters = ((spec["parameters"] ?? []) as Json[]).filter((parameter) => parameter["in"] === "query");
  const findings: Finding[] = [];
  for (const [name, text] of new URL(path, "http://node").searchParams) {
    const parameter = parameters.find((candidate) => candidate["name"] === name);
    if (!parameter) findings.push({ at: `?${name}`, message: "is not a parameter" });
    else {
      // What the text may mean: a boolean or number where it looks like one, else itself.
      const value: unknown = /^(true|false|-?\d+(\.\d+)?)$/.test(text) ? JSON.parse(text) : text;
      findings.push(
        ...check(`${key} ?${name}`, () => parameter["schema"], value).map(({ message }) => ({
          at: `?${name}`,
          message,
        })),
      );
    }
  }
  return findings;
}

function check(key: string, schema: () => Json, value: unknown): Finding[] {
  let validate = compiled.get(key);
  if (!validate) {
    validate = ajv.compile(absolute(close(translated(schema()))));
    compiled.set(key, validate);
  }
  return validate(value) ? [] : telling(validate.errors ?? []);
}

/** Of the errors of a union's many branches, those that got deepest into the document say what is wrong. */
function telling(errors: ErrorObject[]): Finding[] {
  const depth = (error: ErrorObject) => error.instancePath.split("/").length;
  const deepest = Math.max(...errors.map(depth));
  const findings = errors
    .filter((error) => depth(error) === deepest)
    .map((error) => ({
      at: error.instancePath + (error.keyword === "additionalProperties" ? `/${String(error.params["additionalProperty"])}` : ""),
      message: error.keyword === "additionalProperties" ? "is not a known field" : (error.message ?? error.keyword),
    }));
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}

/** OpenAPI 3.0 → JSON Schema: `nullable`, alone (a branch of a union) or beside a type or reference. */
function translated(schema: any): any {
  if (Array.isArray(schema)) return schema.map(translated);
  if (typeof schema !== "object" || schema === null) return schema;
  const { nullable, example: _example, ...rest } = schema as Json;
  const inner = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, key === "enum" || key === "default" ? value : translated(value)]),
  );
  if (nullable !== true) return inner;
  if (Object.keys(inner).every((key) => key === "description")) return { type: "null" };
  return { anyOf: [inner, { type: "null" }] };
}

/**
 * Every object with named fields gets no others, so that a misspelt one is a finding. Qdrant's file composes by `anyOf` of
 * whole objects alone, so that no object needs the fields of two schemas.
 */
function close(schema: any): any {
  if (Array.isArray(schema)) return schema.map(close);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema as Json).map(([key, value]) => [key, key === "enum" || key === "default" ? value : close(value)]),
  );
  const named =
    typeof inner["properties"] === "object" && inner["type"] === "object" && inner["additionalProperties"] === undefined;
  return named ? { ...inner, additionalProperties: false } : inner;
}

function absolute(schema: any): any {
  return JSON.parse(JSON.stringify(schema).replaceAll(`"$ref":"#/`, `"$ref":"qdrant#/`));
}
