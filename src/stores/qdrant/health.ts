import type { NodePool, PreparedRequest } from "../../http/contract.ts";
import type { NodeEndpoint, NodeHealth, StoreControl } from "../contract.ts";
import { connectionOptions } from "../endpoint.ts";
import { nodeUnreachable } from "../unreachable.ts";
import { qdrantFailure } from "./failure.ts";

/** The version, which a Qdrant gives without an api key. `/readyz` would not do: it stays true once the node has started. */
const root: PreparedRequest = { method: "GET", path: "/", headers: [], kind: "read" };
const defaultTimeoutMs = 5_000;

/**
 * Health over a pool of our own rather than the official client, so that the latency is that of the request, from its send to
 * its last byte, without loading a library or opening a connection.
 */
export function qdrantHealth(node: NodeEndpoint, headers: Record<string, string>): StoreControl["health"] {
  let pool: Promise<NodePool> | undefined;
  return async ({ timeoutMs = node.timeoutMs ?? defaultTimeoutMs, signal } = {}): Promise<NodeHealth> => {
    pool ??= import("../../http/pool.ts").then(({ createPool }) =>
      createPool({ origin: node.url, connections: 1, headers, ...connectionOptions(node) }),
    );
    const connections = await pool;
    try {
      const answer = await connections.send(root, { timeoutMs, ...(signal && { signal }) });
      const latencyUs = answer.endUs - answer.sentUs;
      if (answer.status !== 200) return { ok: false, latencyUs, problem: qdrantFailure(answer.status, answer.body).message };
      const version = versionOf(answer.body);
      return version === undefined
        ? { ok: false, latencyUs, problem: "it answers, but not as Qdrant does" }
        : { ok: true, latencyUs, version };
    } catch (error) {
      signal?.throwIfAborted();
      return { ok: false, problem: nodeUnreachable(node, error).message };
    }
  };
}

function versionOf(body: Buffer): string | undefined {
  try {
    const { version } = JSON.parse(body.toString()) as { version?: unknown };
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}
