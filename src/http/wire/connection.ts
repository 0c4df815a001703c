import { connect, type Socket } from "node:net";
import { AnswerReader } from "./answer-reader.ts";
import type { WireExchange } from "./exchange.ts";

/** What a connection tells its pool. */
export interface ConnectionHost {
  nowMs(): number;
  /** It carries nothing any more, and can carry the next request. */
  free(connection: Connection): void;
  /** It can carry nothing any more. */
  gone(connection: Connection): void;
}

/** As undici does it: what a server does not say is taken for four seconds, what it says is taken a second short. */
const keepAliveDefaultMs = 4_000;
const keepAliveMarginMs = 1_000;
/** A body up to here is copied behind its head, which is cheaper than two writes. */
const copiedBytes = 65_536;

/** One plain TCP connection, one request at a time: written as it is, answered into its exchange. */
export class Connection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #reader = new AnswerReader(true);
  #exchange: WireExchange | undefined;
  #open = false;
  #dead = false;
  #idleUntilMs = 0;

  constructor({ hostname, port }: URL, connectTimeoutMs: number, localAddress: string | undefined, host: ConnectionHost) {
    this.#host = host;
    this.#socket = connect({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port) || 80,
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
    });
    this.#socket.setTimeout(connectTimeoutMs, () => this.#fail(connectTimedOut()));
    this.#socket.once("connect", () => this.#connected());
    this.#socket.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("end", () => this.#closed());
    this.#socket.on("close", () => this.#closed());
  }

  /** Whether a request may be put on it: the server may have closed it, or be about to. */
  get usable(): boolean {
    return !this.#dead && this.#host.nowMs() < this.#idleUntilMs;
  }

  /** Sends at once, or as soon as the connection is open. */
  carry(exchange: WireExchange): void {
    this.#exchange = exchange;
    exchange.connection = this;
    if (this.#open) this.#write(exchange);
  }

  /** Nobody waits for the answer any more. */
  givenUp(): void {
    const started = this.#exchange?.started;
    this.#exchange = undefined;
    // What is not open yet carries the next one.
    if (!started) return;
    this.#end();
    this.#host.gone(this);
  }

  destroy(error: Error): void {
    this.#fail(error);
  }

  #connected(): void {
    this.#open = true;
    this.#socket.setTimeout(0);
    if (this.#exchange) this.#write(this.#exchange);
    else this.#idle(keepAliveDefaultMs);
  }

  #write(exchange: WireExchange): void {
    const { head, body } = exchange;
    this.#reader.reset();
    this.#socket.ref();
    exchange.onSend();
    if (!body || body.byteLength === 0) this.#socket.write(head, "latin1");
    else if (body.byteLength <= copiedBytes) {
      const bytes = Buffer.allocUnsafe(head.length + body.byteLength);
      bytes.write(head, "latin1");
      body.copy(bytes, head.length);
      this.#socket.write(bytes);
    } else {
      this.#socket.cork();
      this.#socket.write(head, "latin1");
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  #read(bytes: Buffer): void {
    try {
      // An answer that nobody asked for.
      if (!this.#exchange) return this.#fail(closedByServer());
      if (this.#reader.read(bytes)) this.#answered();
    } catch (error) {
      this.#fail(error);
    }
  }

  #answered(): void {
    const { status, head, body, keepAlive, keepAliveMs } = this.#reader;
    const exchange = this.#exchange!;
    this.#exchange = undefined;
    exchange.onAnswer(status, head, body);
    if (keepAlive) this.#idle(keepAliveMs === undefined ? keepAliveDefaultMs : keepAliveMs - keepAliveMarginMs);
    else {
      this.#end();
      this.#host.gone(this);
    }
  }

  #idle(forMs: number): void {
    this.#idleUntilMs = this.#host.nowMs() + forMs;
    // An idle connection keeps no process alive.
    this.#socket.unref();
    this.#host.free(this);
  }

  #closed(): void {
    if (this.#exchange && this.#reader.closed()) this.#answered();
    else this.#fail(closedByServer());
  }

  #fail(error: unknown): void {
    if (this.#dead) return;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#end();
    this.#host.gone(this);
    exchange?.onFailure(error);
  }

  #end(): void {
    this.#dead = true;
    this.#socket.destroy();
  }
}

function closedByServer(): Error {
  return Object.assign(new Error("the connection was closed by the other side"), { code: "UND_ERR_SOCKET" });
}

function connectTimedOut(): Error {
  return Object.assign(new Error("the connection was not accepted in time"), { code: "UND_ERR_CONNECT_TIMEOUT" });
}
