import { explainTransport } from "../http/failure.ts";
import { TransportError } from "../http/contract.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { NodeEndpoint } from "./contract.ts";

/**
 * What a request without an answer means to the person who runs the command: exit 3, code `node-unreachable`.
 * @param error a TransportError, or whatever `fetch` threw
 */
export function nodeUnreachable(node: NodeEndpoint, error: unknown): RagctlError {
  const { reason, hint } = whatHappened(node, error);
  return new RagctlError(`node ${node.id} (${node.url}): ${reason}`, {
    code: "node-unreachable",
    exitCode: ExitCode.unreachable,
    hint: hint ?? "Is the node running, and reachable from here? `ragctl status` shows every node of the cluster.",
    details: { node: node.id, url: node.url },
    cause: error,
  });
}

function whatHappened(node: NodeEndpoint, error: unknown): { reason: string; hint?: string } {
  if (error instanceof TransportError && error.failure === "timeout")
    return {
      reason: error.message.replace(/^\S+: /, ""),
      hint: "It may be overloaded or stopped; store.timeout says how long to wait.",
    };
  const explained = explainTransport(error instanceof TransportError ? (error.cause ?? error) : error);
  // TLS 1.3 refuses a client without a certificate only after the client believes that it is connected.
  const maybeWantsCertificate = explained.failure === "reset" && node.url.startsWith("https:") && !node.tls?.cert;
  return maybeWantsCertificate
    ? { reason: explained.reason, hint: "If the node wants a client certificate, name one in tls.certFile and tls.keyFile." }
    : explained;
}
