/** A request whose bytes were made before the clock started. */
export interface PreparedRequest {
  method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
  path: string;
  /** Flat name, value list, as undici takes it fastest. */
  headers: string[];
  body?: Buffer;
  /** Only a read may be sent again after a failure: a write that was not answered may still land (ROUTING.md). */
  kind: "read" | "write";
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  /** Monotonic, µs: when undici put the request on a socket, and the last byte. */
  sentUs: number;
  endUs: number;
}

export type TransportFailure = "connect" | "timeout" | "reset" | "aborted" | "closed" | "protocol";

/** A request without an answer. `maybeDelivered` is false only where the request certainly never left. */
export class TransportError extends Error {
  readonly failure: TransportFailure;
  readonly maybeDelivered: boolean;
  constructor(failure: TransportFailure, message: string, maybeDelivered: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = "TransportError";
    this.failure = failure;
    this.maybeDelivered = maybeDelivered;
  }
}

/** One node's connections: keep-alive, TLS, api key, per-request timeout. It never retries: who knows the topology does. */
export interface NodePool {
  readonly origin: string;
  /** Rejects with TransportError; an HTTP error status is an answer. */
  send(request: PreparedRequest, options: { timeoutMs: number; signal?: AbortSignal }): Promise<HttpAnswer>;
  /** Requests sent and not yet answered. */
  readonly inFlight: number;
  close(): Promise<void>;
}

export interface PoolOptions {
  origin: string;
  /** Sockets at most. */
  connections?: number;
  connectTimeoutMs?: number;
  headers?: Record<string, string>;
  tls?: { ca?: string; cert?: string; key?: string; serverName?: string };
}
