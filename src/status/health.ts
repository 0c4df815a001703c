import type { Health } from "./result.ts";

/** What asking a node for its health brought. */
export interface HealthAnswer {
  /** ok: it said that it serves. error: it answered anything else. silent: it took the connection and said nothing in time. unreachable: nobody took it. */
  kind: "ok" | "error" | "silent" | "unreachable";
  /** Of the answer, where there was one. */
  latencyUs?: number;
}

/** A health request costs a node nothing; one that takes this long shows a queue in front of it. */
export const degradedUs = 250_000;

/** Pure: dead cannot be reached, unhealthy is there and does not serve, degraded serves late. */
export function classifyHealth({ kind, latencyUs }: HealthAnswer): Health {
  if (kind === "unreachable") return "dead";
  if (kind !== "ok") return "unhealthy";
  return latencyUs !== undefined && latencyUs > degradedUs ? "degraded" : "healthy";
}
