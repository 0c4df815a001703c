import { askLine } from "../line-socket.ts";
import type { ProxyReply, ProxyRequest, ProxyStatus } from "./contract.ts";

/** The proxy said no, and why. */
export class ProxyRefusal extends Error {
  readonly code: "refused" | "unknown-proxy";
  constructor(code: "refused" | "unknown-proxy", message: string) {
    super(message);
    this.name = "ProxyRefusal";
    this.code = code;
  }
}

/**
 * Asks the proxies of a cluster once, at their Unix socket.
 * @throws LineSocketError where nobody answers, ProxyRefusal
 */
export async function callProxies(
  socketPath: string,
  request: ProxyRequest,
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<ProxyStatus> {
  const reply = (await askLine(socketPath, request, { who: "fault proxy", ...options })) as ProxyReply;
  if (!reply.ok) throw new ProxyRefusal(reply.code, reply.error);
  return reply.status;
}
