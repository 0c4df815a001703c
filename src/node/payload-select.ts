import { badFormat } from "./fault.ts";
import { parseJsonPath, type PathStep } from "./json-path.ts";

/** What of a payload an answer carries: none, all of it as stored, or what the function leaves of it. */
export type PayloadSelector = "none" | "all" | ((payload: Record<string, unknown>) => Record<string, unknown>);

/** Qdrant's `with_payload`: boolean, list of keys, `{include}` or `{exclude}`. */
export function parseWithPayload(value: unknown, fallback: boolean): PayloadSelector {
  if (value === undefined || value === null) return fallback ? "all" : "none";
  if (typeof value === "boolean") return value ? "all" : "none";
  if (Array.isArray(value)) return including(value);
  if (typeof value === "object") {
    const { include, exclude, ...others } = value as { include?: unknown; exclude?: unknown };
    if (Object.keys(others).length === 0) {
      if (Array.isArray(include) && exclude === undefined) return including(include);
      if (Array.isArray(exclude) && include === undefined) return excluding(exclude);
    }
  }
  throw badFormat("with_payload must be a boolean, a list of keys, {include: [...]} or {exclude: [...]}");
}

function paths(keys: unknown[]): PathStep[][] {
  return keys.map((key) => {
    if (typeof key !== "string") throw badFormat("with_payload lists keys as strings");
    return parseJsonPath(key);
  });
}

function including(keys: unknown[]): PayloadSelector {
  const wanted = paths(keys);
  return (payload) => (filterPaths(payload, wanted, true) ?? {}) as Record<string, unknown>;
}

function excluding(keys: unknown[]): PayloadSelector {
  const unwanted = paths(keys);
  return (payload) => filterPaths(payload, unwanted, false) as Record<string, unknown>;
}

/** Keeps (or drops) what the paths lead to; `undefined` where a subtree keeps nothing. */
function filterPaths(value: unknown, all: readonly PathStep[][], keep: boolean): unknown {
  if (all.some((path) => path.length === 0)) return keep ? value : undefined;
  if (all.length === 0) return keep ? undefined : value;
  if (Array.isArray(value)) {
    const kept = (value as unknown[]).map((element, index) =>
      filterPaths(
        element,
        next(all, (step) => "each" in step || ("at" in step && step.at === index)),
        keep,
      ),
    );
    return kept.filter((element) => element !== undefined);
  }
  if (value === null || typeof value !== "object") return keep ? undefined : value;
  const entries = Object.entries(value)
    .map(
      ([field, inner]) =>
        [
          field,
          filterPaths(
            inner,
            next(all, (step) => "field" in step && step.field === field),
            keep,
          ),
        ] as const,
    )
    .filter(([, inner]) => inner !== undefined);
  return keep && entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function next(all: readonly PathStep[][], follows: (step: PathStep) => boolean): PathStep[][] {
  return all.filter((path) => follows(path[0]!)).map((path) => path.slice(1));
}
