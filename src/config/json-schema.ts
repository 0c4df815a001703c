import { z } from "zod";
import { configSchema } from "./schema.ts";

export interface JsonSchema {
  [keyword: string]: unknown;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  oneOf?: JsonSchema[];
  const?: unknown;
}

/** The JSON Schema of what people write: units as text, defaults left out. For editors, and for messages. */
export function configJsonSchema(): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: "input" }) as JsonSchema;
  return { $schema, title: "ragctl config", ...rest };
}

/** The keys that a mapping at `path` of `data` may have. Where there are several shapes, `driver` or `kind` decides. */
export function knownKeys(schema: JsonSchema, path: readonly PropertyKey[], data: unknown): string[] {
  let at: JsonSchema | undefined = schema;
  let value = data;
  for (const key of path) {
    at = choose(at, value);
    at = typeof key === "number" ? at?.items : (at?.properties?.[String(key)] ?? objectOnly(at?.additionalProperties));
    value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  }
  return Object.keys(choose(at, value)?.properties ?? {}).filter((key) => key !== "$schema");
}

function choose(schema: JsonSchema | undefined, value: unknown): JsonSchema | undefined {
  return (
    schema?.oneOf?.find((branch) =>
      Object.entries(branch.properties ?? {}).some(
        ([key, each]) => each.const !== undefined && each.const === (value as Record<string, unknown> | undefined)?.[key],
      ),
    ) ?? schema
  );
}

function objectOnly(schema: JsonSchema | boolean | undefined): JsonSchema | undefined {
  return typeof schema === "object" ? schema : undefined;
}
