/**
 * A record's own vector, from a list of numbers or the JSON text of one; otherwise what is wrong with it, a clause that follows the field's name.
 * NaN and infinity are no components: no store takes them, and no distance to them means anything.
 */
export function vectorOf(value: unknown): Float32Array | string {
  const list = typeof value === "string" ? parsed(value) : value;
  if (!isList(list)) return "is not a list of numbers (--vector-field names the field with the vector, or none)";
  if (list.length === 0) return "is an empty list";
  const vector = new Float32Array(list.length);
  for (let at = 0; at < list.length; at++) {
    const component: unknown = list[at];
    // pandas and numpy write what is not finite as text or null.
    if (typeof component !== "number")
      return `has ${JSON.stringify(component) ?? typeof component} as component ${at}, not a number`;
    vector[at] = component;
    if (!Number.isFinite(vector[at]!)) return `has ${component} as component ${at}, not a finite number that 32 bits hold`;
  }
  return vector;
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
