import { realClock } from "../../runtime.ts";
import { TransportError, type NodePool, type PoolOptions } from "../contract.ts";
import { createPool } from "../pool.ts";
import { Connection } from "./connection.ts";
import { WireExchange } from "./exchange.ts";
import { headWriter } from "./request-head.ts";

const defaultConnections = 128;
const defaultConnectTimeoutMs = 2_000;

/**
 * One node's connections without a general HTTP client in between: what ragctl sends is prepared and what it is answered is small, so that
 * a request costs about half of what it costs through undici. The same contract, and the same tests; `https` goes through undici.
 * @throws TypeError when `origin` is not a URL
 */
export function createWirePool(options: PoolOptions): NodePool {
  const url = new URL(options.origin);
  return url.protocol === "http:" ? wirePool(url, options) : createPool(options);
}

function wirePool(url: URL, options: PoolOptions): NodePool {
  const { connections: most = defaultConnections, connectTimeoutMs = defaultConnectTimeoutMs, clock = realClock } = options;
  const prefix = url.pathname.replace(/\/+$/, "");
  const headOf = headWriter(url, prefix, options.headers);
  const all = new Set<Connection>();
  /** The one freed last is used first, so that those not needed run out of their time. */
  const idle: Connection[] = [];
  const waiting: WireExchange[] = [];
  const host = { origin: url.origin, clock, inFlight: 0 };
  let closed = false;

  const nextWaiting = (): WireExchange | undefined => {
    for (let next = waiting.shift(); next; next = waiting.shift()) if (!next.settled) return next;
    return undefined;
  };
  const open = () => {
    const connection = new Connection(url, connectTimeoutMs, options.localAddress, {
      nowMs: () => clock.monotonicUs() / 1000,
      free(connection) {
        const next = nextWaiting();
        if (next) connection.carry(next);
        else idle.push(connection);
      },
      gone(connection) {
        all.delete(connection);
        const at = idle.indexOf(connection);
        if (at >= 0) idle.splice(at, 1);
        if (closed) return;
        const next = nextWaiting();
        if (next) open().carry(next);
      },
    });
    all.add(connection);
    return connection;
  };
  const dispatch = (exchange: WireExchange): void => {
    for (let connection = idle.pop(); connection; connection = idle.pop()) {
      if (connection.usable) return connection.carry(exchange);
      connection.destroy(new TransportError("closed", `${url.origin}: idle for too long`, false));
    }
    if (all.size < most) open().carry(exchange);
    else waiting.push(exchange);
  };
  const refuse = (failure: "closed" | "aborted" | "protocol", reason: string, cause?: unknown) =>
    Promise.reject(new TransportError(failure, `${url.origin}: ${reason}`, false, cause));

  return {
    origin: url.origin + prefix,
    get inFlight() {
      return host.inFlight;
    },
    send(request, { timeoutMs, signal }) {
      if (closed) return refuse("closed", "the connections were closed");
      if (signal?.aborted) return refuse("aborted", "cancelled before it was sent");
      let head: string;
      try {
        head = headOf(request);
      } catch (error) {
        return refuse("protocol", (error as Error).message, error);
      }
      const exchange = new WireExchange(host, head, request.body, timeoutMs, signal);
      dispatch(exchange);
      return exchange.answer;
    },
    close() {
      closed = true;
      const error = new TransportError("closed", `${url.origin}: the connections were closed`, true);
      for (const exchange of waiting.splice(0)) exchange.onFailure(error);
      for (const connection of all) connection.destroy(error);
      return Promise.resolve();
    },
  };
}
