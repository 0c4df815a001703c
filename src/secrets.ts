import type { Runtime } from "./runtime.ts";

/**
 * What must never be shown. The config room says what is secret; the command frame and the runs take it out of every
 * text they write, whoever made it. Kept per environment, which nested command lines share.
 */
const known = new WeakMap<object, Set<string>>();

/** Shorter ones are not searched for: they would blot out ordinary words. They are still redacted where they stand. */
const shortestSearched = 5;

export const redacted = "***";

export function rememberSecrets(runtime: Pick<Runtime, "env">, secrets: Iterable<string>): void {
  const set = known.get(runtime.env) ?? new Set<string>();
  for (const secret of secrets) if (secret.length >= shortestSearched) set.add(secret);
  known.set(runtime.env, set);
}

/** A function that puts `***` in place of every secret that this runtime has met. Cheap when there are none. */
export function scrubber(runtime: Pick<Runtime, "env">): (text: string) => string {
  return (text) => {
    let clean = text;
    // Longest first, so that a secret within another does not leave half of it.
    for (const secret of [...(known.get(runtime.env) ?? [])].toSorted((a, b) => b.length - a.length))
      clean = clean.replaceAll(secret, redacted);
    return clean;
  };
}

/** `JSON.stringify`, scrubbed value by value: a secret that happens to be the name of a field must not break the document. */
export function scrubbedJson(value: unknown, scrub: (text: string) => string, indent?: number): string {
  return JSON.stringify(value, (_key, each: unknown) => (typeof each === "string" ? scrub(each) : each), indent);
}
