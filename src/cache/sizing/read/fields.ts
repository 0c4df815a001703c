import { timestampUs } from "../../../timestamps.ts";

/** Names that the columns of traces and logs usually have, best first. */
const cacheKeyFields = ["key", "cache_key"];
const idFields = ["id", "obj_id", "hash"];
const queryFields = ["query", "question", "text", "q", "prompt"];
/** In a log an id is that of the request, unless there is nothing else. */
export const keyFields = {
  trace: [...cacheKeyFields, ...idFields, ...queryFields],
  log: [...cacheKeyFields, ...queryFields, ...idFields],
} as const;

/** Whether what is under this name is the text of a query. */
export function isQueryField(name: string): boolean {
  return queryFields.includes(name);
}

export const sizeFields = ["size", "bytes", "value_size", "size_bytes"] as const;

/** @returns the size, or what is wrong with it */
export function sizeOf(cell: unknown): number | string {
  const size = typeof cell === "number" ? cell : typeof cell === "string" && cell.trim() !== "" ? Number(cell) : Number.NaN;
  if (size < 0) return `the size is negative: ${String(cell)}`;
  return Number.isFinite(size) ? size : `expected a size in bytes, got ${JSON.stringify(cell) ?? "none"}`;
}

/** @returns µs, or what is wrong with it */
export function timeOf(cell: unknown): number | string {
  const number = typeof cell === "string" && cell.trim() !== "" ? Number(cell) : Number.NaN;
  const us = timestampUs(Number.isNaN(number) ? cell : number);
  return Number.isFinite(us)
    ? us
    : `expected a time such as 2026-01-31T12:00:00.5Z or seconds since the epoch, got ${JSON.stringify(cell) ?? "none"}`;
}
