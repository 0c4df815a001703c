import { TransportError, type TransportFailure } from "./contract.ts";

/** What a low-level error means to the person who runs the command. `reason` completes "HOST: …"; `hint` says what to do. */
export interface TransportReason {
  failure: TransportFailure;
  reason: string;
  hint?: string;
}

const unknownIssuer: TransportReason = {
  failure: "connect",
  reason: "its certificate is signed by an authority that this machine does not know",
  hint: "Name the authority's certificate in tls.caFile.",
};
const wantsCertificate: TransportReason = {
  failure: "connect",
  reason: "it refused the TLS handshake: it may want a client certificate",
  hint: "Name one in tls.certFile and tls.keyFile.",
};
const notTls: TransportReason = {
  failure: "connect",
  reason: "it does not speak TLS",
  hint: "If the node serves plain HTTP, its URL begins with http://.",
};
const notHttp: TransportReason = {
  failure: "protocol",
  reason: "what it answers is not HTTP",
  hint: "Check the port of the node's URL, and whether it serves https://.",
};

/** By error code of Node, OpenSSL and undici. */
const reasons: Record<string, TransportReason> = {
  ECONNREFUSED: { failure: "connect", reason: "connection refused", hint: "Is the node running, and is the port right?" },
  ENOTFOUND: { failure: "connect", reason: "its host name does not resolve", hint: "Check the host of the node's URL." },
  EAI_AGAIN: { failure: "connect", reason: "its host name does not resolve for now", hint: "Check this machine's DNS." },
  EHOSTUNREACH: { failure: "connect", reason: "no route to the host", hint: "Check the network between here and the node." },
  ENETUNREACH: { failure: "connect", reason: "no route to the network", hint: "Check the network between here and the node." },
  UND_ERR_CONNECT_TIMEOUT: {
    failure: "connect",
    reason: "the connection was not accepted in time",
    hint: "The host may be down, or a firewall drops packets to that port.",
  },
  ETIMEDOUT: { failure: "connect", reason: "the connection was not accepted in time" },
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownIssuer,
  SELF_SIGNED_CERT_IN_CHAIN: unknownIssuer,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownIssuer,
  CERT_HAS_EXPIRED: { failure: "connect", reason: "its certificate has expired", hint: "Renew the node's certificate." },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    failure: "connect",
    reason: "its certificate is for another host name",
    hint: "Use a name that the certificate has, or say which with tls.serverName.",
  },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: wantsCertificate,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: wantsCertificate,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: wantsCertificate,
  "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE": wantsCertificate,
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  ECONNRESET: { failure: "reset", reason: "the connection was reset" },
  EPIPE: { failure: "reset", reason: "the connection was closed by the other side" },
  UND_ERR_SOCKET: { failure: "reset", reason: "the connection was closed by the other side" },
  UND_ERR_ABORTED: { failure: "aborted", reason: "the request was cancelled" },
  UND_ERR_DESTROYED: { failure: "closed", reason: "the connections were closed" },
  UND_ERR_CLOSED: { failure: "closed", reason: "the connections were closed" },
};

/** Looks through causes and aggregates (one address after the other was tried) for a code that the table knows. */
export function explainTransport(error: unknown): TransportReason {
  for (const code of codes(error)) {
    if (Object.hasOwn(reasons, code)) return reasons[code]!;
    if (code.startsWith("HPE_")) return notHttp;
    if (code.startsWith("ERR_SSL_")) return { failure: "connect", reason: `the TLS handshake failed (${code})` };
    if (code.startsWith("UND_ERR_")) return { failure: "protocol", reason: messageOf(error) };
  }
  return { failure: "reset", reason: messageOf(error) };
}

/**
 * @param started whether undici had begun to write the request: before that nothing of it can have left
 * @param origin the node, as the message names it
 */
export function transportError(error: unknown, started: boolean, origin: string): TransportError {
  const { failure, reason } = explainTransport(error);
  // Before the start there was no connection to reset.
  const kind = !started && failure === "reset" ? "connect" : failure;
  return new TransportError(kind, `${origin}: ${reason}`, started, error);
}

function* codes(error: unknown): Generator<string> {
  for (let depth = 0; error instanceof Error && depth < 5; depth++) {
    if ("code" in error && typeof error.code === "string") yield error.code;
    // undici's parser loses the code of some errors.
    if (error.name === "HTTPParserError") yield "HPE_INVALID";
    if (error instanceof AggregateError) for (const inner of error.errors) yield* codes(inner);
    error = error.cause;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
