import { redacted } from "../secrets.ts";

const secretKeys = /^(api[-_]?key|password|passphrase|passwd|secret|token|access[-_]?key|credentials?)$/i;
/** Headers that are known to carry no secret; every other header's value is redacted where it stands. */
const plainHeaders = new Set(["accept", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent"]);
/** Of those, the ones whose value is searched for in other texts: `x-tenant: production` must not blot out every "production". */
const secretHeader = /auth|key|token|secret|password|cookie|credential/i;
const secretParameter = /key|token|secret|password|signature|auth/i;

/** A copy that can be shown: api keys, passwords, header values and the credentials within URLs are `***`. */
export function redact<T>(value: T): T {
  return visit(value, []) as T;
}

/**
 * Every secret text in a config: what `redact` takes out, for searching other texts for it. Credentials of a URL come
 * as they stand in it, decoded, and as `user:password`.
 */
export function secretsOf(value: unknown): string[] {
  const found = new Set<string>();
  visit(value, [], (secret) => found.add(secret));
  return [...found];
}

/** Whether what stands at this path is a secret by its name. */
export function isSecretPath(path: readonly PropertyKey[]): boolean {
  const key = path.at(-1);
  if (typeof key !== "string") return false;
  return secretKeys.test(key) || (path.at(-2) === "headers" && !plainHeaders.has(key.toLowerCase()));
}

/** `redis://user:pass@host` → `redis://***@host`; secret query parameters likewise. Other text is returned as it is. */
export function redactUrl(text: string, found: (secret: string) => void = () => {}): string {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*@)?(.*)$/is.exec(text);
  if (!match) return text;
  const [, scheme = "", userInfo, rest = ""] = match;
  if (userInfo) {
    found(userInfo.slice(0, -1));
    const password = userInfo.slice(userInfo.indexOf(":") + 1, -1);
    found(password);
    found(decoded(password));
  }
  const query = rest.replaceAll(/([?&])([^=&#]+)=([^&#]*)/g, (whole: string, mark: string, name: string, value: string) => {
    if (!secretParameter.test(name)) return whole;
    found(value);
    found(decoded(value));
    return `${mark}${name}=${redacted}`;
  });
  return `${scheme}${userInfo ? `${redacted}@` : ""}${query}`;
}

function visit(value: unknown, path: PropertyKey[], found: (secret: string) => void = () => {}): unknown {
  if (typeof value === "string") {
    if (!isSecretPath(path)) return redactUrl(value, found);
    if (path.at(-2) === "headers" && !secretHeader.test(String(path.at(-1)))) return redacted;
    found(value);
    // `Bearer abc`: the second word alone must not show up either.
    const word = /^\S+ (\S+)$/.exec(value)?.[1];
    if (word) found(word);
    return value === "" ? "" : redacted;
  }
  if (Array.isArray(value)) return value.map((each, index) => visit(each, [...path, index], found));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, visit(each, [...path, key], found)]));
  return value;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
