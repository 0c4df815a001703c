import type { Rng } from "../runtime.ts";

export interface WrongHits {
  /** Share of hits to leave out, [0, 1]. */
  dropRatio: number;
  /** Share of those that remain whose id becomes another, [0, 1]. */
  wrongIdRatio: number;
}

/** Integers beyond 2^53 would lose digits on the way through a JSON document. */
const hasLongNumber = /\d{16}/;

/**
 * Spoils a search's answer: lists of hits (objects with an id, and a score or a distance), at any depth.
 * @returns undefined where the text is no JSON, or holds no hits
 */
export function spoilHits(text: string, wrong: WrongHits, rng: Rng): string | undefined {
  let document: unknown;
  try {
    document = hasLongNumber.test(text) ? (JSON.parse(text, keepDigits) as unknown) : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
  const found = { hits: false };
  const spoiled = walk(document, wrong, rng, found);
  return found.hits ? JSON.stringify(spoiled) : undefined;
}

function walk(value: unknown, wrong: WrongHits, rng: Rng, found: { hits: boolean }): unknown {
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every(isHit)) {
      found.hits = true;
      const kept = value.filter(() => rng() >= wrong.dropRatio);
      for (const hit of kept) if (rng() < wrong.wrongIdRatio) hit.id = otherId(hit.id);
      return kept;
    }
    return value.map((item) => walk(item, wrong, rng, found));
  }
  if (typeof value !== "object" || value === null || json.isRawJSON(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, wrong, rng, found)]));
}

interface Hit {
  id: unknown;
}

function isHit(value: unknown): value is Hit {
  return typeof value === "object" && value !== null && "id" in value && ("score" in value || "distance" in value);
}

const far = 1_000_000_007;

/** An id of the same kind that is very unlikely to exist: the same for the same id, so that a node is wrong consistently. */
export function otherId(id: unknown): unknown {
  if (typeof id === "number") return id + far;
  if (typeof id === "object" && id !== null && json.isRawJSON(id))
    return json.rawJSON(`${BigInt(JSON.stringify(id)) + BigInt(far)}`);
  if (typeof id !== "string") return id;
  return /^[0-9a-f]{8}-/i.test(id) ? id.slice(0, 8).replaceAll(/./g, nextDigit) + id.slice(8) : `${id}-wrong`;
}

function nextDigit(digit: string): string {
  return ((Number.parseInt(digit, 16) + 7) % 16).toString(16);
}

// `JSON.rawJSON` and the third argument of a reviver are in every Node that ragctl runs on, and not yet in TypeScript's library.
const json = JSON as unknown as { rawJSON(text: string): unknown; isRawJSON(value: unknown): boolean };

function keepDigits(this: unknown, _key: string, value: unknown, ...rest: unknown[]): unknown {
  const { source } = rest[0] as { source?: string };
  return typeof value === "number" && source !== undefined && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? json.rawJSON(source)
    : value;
}
