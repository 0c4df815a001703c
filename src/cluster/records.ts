import { field, stampFields } from "../sharding/table.ts";
import type { RoutingTable } from "../sharding/table.ts";
import type { Point } from "../stores/contract.ts";
import type { StoredRecord } from "./contract.ts";

/** A stored point as callers see it. */
export function recordOf({ id, vector, payload = {} }: Point): StoredRecord {
  const key = payload[field.key];
  const version = payload[field.version];
  return {
    id,
    key: typeof key === "string" ? key : String(id),
    ...(typeof version === "number" ? { version } : {}),
    ...(vector ? { vector } : {}),
    payload,
  };
}

/** The fields that a read needs besides what the caller wants; without a table, those of most. */
export function withStampFields(wanted: boolean | string[] | undefined, table?: RoutingTable): true | string[] {
  if (wanted === true) return true;
  const fields = table ? stampFields(table) : [field.key, field.hash, field.version, field.cell];
  return [...new Set([...(wanted || []), ...fields])];
}
