import type { PointId } from "../stores/contract.ts";
import { badFormat, notImplemented } from "./fault.ts";

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * A point id as Qdrant accepts it: an unsigned integer, or a UUID with or without hyphens, in any case, with or without
 * `urn:uuid:`. Integers from 2^53 on are refused (501): JSON numbers in JavaScript would silently become others.
 */
export function parsePointId(value: unknown): PointId {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0) return value;
    if (Number.isInteger(value) && value > 0) throw notImplemented("integer point ids of 2^53 and above");
  } else if (typeof value === "string") {
    if (canonical.test(value)) return value;
    const hex = value
      .toLowerCase()
      .replace(/^urn:uuid:/, "")
      .replaceAll("-", "");
    if (/^[0-9a-f]{32}$/.test(hex))
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }
  throw badFormat(
    `value ${JSON.stringify(value)} is not a valid point ID, valid values are either an unsigned integer or a UUID`,
  );
}

/** Qdrant's order of ids, which scrolling follows: integers by value, then UUIDs by their bytes. */
export function compareIds(a: PointId, b: PointId): number {
  if (typeof a === "number") return typeof b === "number" ? a - b : -1;
  if (typeof b === "number") return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
