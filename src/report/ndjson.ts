/** One JSON value a line, each line whole: what follows a stream of events can read it as it grows. */
export function ndjson(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}
