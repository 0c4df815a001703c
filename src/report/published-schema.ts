import { z, type ZodType } from "zod";
import { exitCodeMeanings } from "../errors.ts";
import { schemaVersion } from "./document.ts";

/** The JSON Schema of the one document that `ragctl COMMAND --json` prints: the envelope, around a result or an error. */
export function documentSchema(command: string, result: ZodType): Record<string, unknown> {
  const { $schema, ...resultSchema } = z.toJSONSchema(result, { io: "output", unrepresentable: "any" });
  const common = {
    schemaVersion: { const: schemaVersion },
    exitCode: { enum: Object.keys(exitCodeMeanings).map(Number) },
    warnings: { type: "array", items: { type: "string" } },
    next: { type: "array", items: { type: "string" }, description: "commands that a person would run now" },
  };
  const required = ["schemaVersion", "command", "ok", "exitCode", "warnings", "next"];
  return {
    $schema,
    title: `ragctl ${command} --json`,
    type: "object",
    oneOf: [
      {
        title: "a result",
        type: "object",
        properties: { ...common, command: { const: command }, ok: { type: "boolean" }, result: resultSchema },
        required: [...required, "result"],
        additionalProperties: false,
      },
      {
        title: "an error",
        type: "object",
        properties: {
          ...common,
          command: { const: command },
          ok: { const: false },
          error: {
            type: "object",
            properties: {
              code: { type: "string" },
              message: { type: "string" },
              hint: { type: ["string", "null"] },
              details: { description: "for exit 2, usually the problems: {file, line, path, message}" },
              stack: { type: "string", description: "of a bug (exit 1)" },
            },
            required: ["code", "message", "hint", "details"],
            additionalProperties: false,
          },
        },
        required: [...required, "error"],
        additionalProperties: false,
      },
    ],
  };
}
