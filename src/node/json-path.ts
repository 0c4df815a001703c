import { wrongInput } from "./fault.ts";

/** One step of a payload key: a field, every element of an array (`[]`), or one of them (`[2]`). */
export type PathStep = { field: string } | { each: true } | { at: number };

/** `a.b`, `a[].b`, `a[0]`, `"dotted.name".b` → steps. Throws 400 where it is none of these. */
export function parseJsonPath(text: string): PathStep[] {
  const steps: PathStep[] = [];
  const token = /(?:^|\.)(?:"([^"]+)"|([^."[\]]+))|\[(\d*)\]/y;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (!match || (steps.length === 0 && match[3] !== undefined)) throw wrongInput(`Invalid JSON path: \`${text}\``);
    const [, quoted, plain, index] = match;
    if (index === undefined) steps.push({ field: (quoted ?? plain)! });
    else steps.push(index === "" ? { each: true } : { at: Number(index) });
  }
  if (steps.length === 0) throw wrongInput("Invalid JSON path: empty");
  return steps;
}

/**
 * What a payload holds under a path: undefined where there is nothing, the value where there is one; where `[]` makes
 * them many, one array of all of them (arrays among them flattened one level, which is how conditions see arrays).
 */
export function valueAt(payload: unknown, steps: readonly PathStep[], from = 0): unknown {
  let value = payload;
  for (let index = from; index < steps.length; index++) {
    const step = steps[index]!;
    if ("field" in step) {
      if (value === null || typeof value !== "object" || Array.isArray(value) || !Object.hasOwn(value, step.field))
        return undefined;
      value = (value as Record<string, unknown>)[step.field];
    } else {
      if (!Array.isArray(value)) return undefined;
      if ("at" in step) value = (value as unknown[])[step.at];
      else {
        const many = (value as unknown[])
          .map((element) => valueAt(element, steps, index + 1))
          .filter((found) => found !== undefined);
        return many.length === 0 ? undefined : many.flat();
      }
    }
  }
  return value;
}
