import type { NodeOutcome } from "../../cluster/contract.ts";
import { RagctlError } from "../../errors.ts";
import { TransportError } from "../../http/contract.ts";

/** The cause that a failed operation of a cluster is counted under. */
export function causeOf(error: unknown): string {
  if (requestsOf(error).at(-1)?.outcome === "timeout") return "timeout";
  if (error instanceof TransportError) return error.failure;
  if (error instanceof RagctlError) return error.code;
  return "bug";
}

/** What was asked of the nodes before an operation failed, where the error tells. */
export function requestsOf(error: unknown): readonly NodeOutcome[] {
  if (!(error instanceof RagctlError)) return [];
  const { details } = error;
  return typeof details === "object" && details !== null && "requests" in details && Array.isArray(details.requests)
    ? (details.requests as NodeOutcome[])
    : [];
}
