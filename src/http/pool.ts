import { Pool } from "undici";
import { realClock } from "../runtime.ts";
import { TransportError, type NodePool, type PoolOptions, type TlsOptions } from "./contract.ts";
import { Exchange } from "./exchange.ts";

const defaultConnections = 128;
const defaultConnectTimeoutMs = 2_000;

/**
 * One node's connections, opened as they are needed, on undici's `dispatch`: the cheapest way through it, and the one that
 * says when a request really goes to a socket.
 * @throws TypeError when `origin` is not a URL
 */
export function createPool(options: PoolOptions): NodePool {
  const url = new URL(options.origin);
  const prefix = url.pathname.replace(/\/+$/, "");
  const clock = options.clock ?? realClock;
  const pool = new Pool(url.origin, undiciOptions(options));
  const withPoolHeaders = headerMerger(options.headers);
  const counter = { inFlight: 0 };
  let closing: Promise<void> | undefined;

  return {
    origin: url.origin + prefix,
    get inFlight() {
      return counter.inFlight;
    },
    send(request, { timeoutMs, signal }) {
      if (closing) return Promise.reject(new TransportError("closed", `${url.origin}: the connections were closed`, false));
      if (signal?.aborted)
        return Promise.reject(new TransportError("aborted", `${url.origin}: cancelled before it was sent`, false));
      const exchange = new Exchange(url.origin, clock, counter, timeoutMs, signal);
      pool.dispatch(
        {
          path: prefix + request.path,
          method: request.method,
          headers: withPoolHeaders(request.headers),
          body: request.body ?? null,
        },
        exchange,
      );
      return exchange.answer;
    },
    close() {
      closing ??= pool.destroy(new TransportError("closed", `${url.origin}: the connections were closed`, true));
      return closing;
    },
  };
}

/** How undici is set up for a node, wherever a dispatcher of it is made. */
export function undiciOptions(options: Omit<PoolOptions, "origin" | "headers" | "clock">): Pool.Options {
  return {
    connections: options.connections ?? defaultConnections,
    // One request a connection: a slow answer must not hold up another, nor an abort cut it off. For the same reason no HTTP/2.
    pipelining: 1,
    allowH2: false,
    // The exchange has one timer for the whole of a request.
    headersTimeout: 0,
    bodyTimeout: 0,
    ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
    connect: { timeout: options.connectTimeoutMs ?? defaultConnectTimeoutMs, ...tlsOptions(options.tls) },
  };
}

function tlsOptions(tls: TlsOptions | undefined): Record<string, string> {
  if (!tls) return {};
  const { ca, cert, key, serverName } = tls;
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), ...(serverName && { servername: serverName }) };
}

/** Drivers use one headers array for all their requests, so that remembering the last merge saves nearly all of them. */
function headerMerger(extra: Record<string, string> | undefined): (headers: string[]) => string[] {
  const pairs = Object.entries(extra ?? {}).flat();
  if (pairs.length === 0) return (headers) => headers;
  let last: string[] | undefined;
  let merged: string[] = [];
  return (headers) => {
    if (headers !== last) {
      last = headers;
      merged = [...headers, ...pairs];
    }
    return merged;
  };
}
