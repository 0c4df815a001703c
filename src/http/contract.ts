import type { Clock } from "../runtime.ts";

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
  /**
   * Resolves with the whole answer; an HTTP error status is an answer. `timeoutMs` is for all of it: waiting for a socket,
   * connecting, sending, and the last byte.
   * @throws TransportError and nothing else
   */
  send(request: PreparedRequest, options: { timeoutMs: number; signal?: AbortSignal }): Promise<HttpAnswer>;
  /** Requests handed over and not yet settled: on a socket, or waiting for one. */
  readonly inFlight: number;
  /** At once: what is in flight ends as `closed`, and so does everything sent later. */
  close(): Promise<void>;
}

/** PEM texts, not files. `serverName` is the name to ask for and to check, where it is not the URL's. */
export interface TlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
  serverName?: string;
}

export interface PoolOptions {
  /** `http(s)://host[:port][/prefix]`; a prefix goes before the path of every request. */
  origin: string;
  /** Sockets at most; 128 unless given. One carries one request at a time. */
  connections?: number;
  /** 2,000 unless given. */
  connectTimeoutMs?: number;
  /** Sent with every request, after the request's own: the api key. */
  headers?: Record<string, string>;
  tls?: TlsOptions;
  /** Of this machine, from which connections are made; the system's choice unless given. */
  localAddress?: string;
  /** Stamps `sentUs` and `endUs`. */
  clock?: Pick<Clock, "monotonicUs">;
}
