import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AnswerReader } from "../../../http/wire/answer-reader.ts";

/** The request that a connection carries. */
export interface Exchange {
  /** The connection is open, the request goes to it now. */
  onSend(): void;
  onAnswer(status: number): void;
  /** @param error of the socket, or a ProtocolError */
  onFailure(error: Error): void;
}

/** As undici does it: what a server does not say is taken for four seconds, what it says is taken a second short. */
const keepAliveDefaultMs = 4000;
const keepAliveMarginMs = 1000;
const connectTimeoutMs = 2000;

/**
 * One connection of its own for prepared requests: the bytes of a request are written as they are, and of the answer only the status is kept. About
 * a third of what a general client costs, which is what a load generator must not spend; `test/integration/load-wire.test.ts` holds it against undici.
 */
export class Wire {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #reader = new AnswerReader();
  readonly #nowMs: () => number;
  #exchange: Exchange | undefined = undefined;
  #open = false;
  #dead = false;
  #idleSinceMs = 0;
  #idleForMs = keepAliveDefaultMs;

  constructor(origin: URL, request: Buffer, nowMs: () => number) {
    this.#request = request;
    this.#nowMs = nowMs;
    const host = origin.hostname.replace(/^\[|\]$/g, "");
    const secure = origin.protocol === "https:";
    const port = Number(origin.port) || (secure ? 443 : 80);
    const servername = isIP(host) ? {} : { servername: host };
    this.#socket = secure
      ? connectTls({ host, port, ...servername, ALPNProtocols: ["http/1.1"] })
      : connectTcp({ host, port, noDelay: true });
    this.#socket.setNoDelay(true);
    this.#socket.setTimeout(connectTimeoutMs, () => this.#fail(connectTimedOut()));
    this.#socket.once(secure ? "secureConnect" : "connect", () => this.#connected());
    this.#socket.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("end", () => this.#closed());
    this.#socket.on("close", () => this.#closed());
  }

  /** Whether a request may be put on it. The server may have closed it, or be about to. */
  get usable(): boolean {
    return !this.#dead && (!this.#open || this.#nowMs() - this.#idleSinceMs < this.#idleForMs);
  }

  /** Sends at once, or as soon as the connection is open. One at a time. */
  send(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#dead) this.#fail(closedByServer());
    else if (this.#open) this.#write();
  }

  destroy(): void {
    this.#dead = true;
    this.#exchange = undefined;
    this.#socket.destroy();
  }

  #connected(): void {
    this.#open = true;
    this.#socket.setTimeout(0);
    if (this.#exchange) this.#write();
  }

  #write(): void {
    this.#reader.reset();
    this.#exchange!.onSend();
    this.#socket.write(this.#request);
  }

  #read(bytes: Buffer): void {
    try {
      if (!this.#exchange) return this.destroy();
      if (this.#reader.read(bytes)) this.#answered();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #answered(): void {
    const { status, keepAlive, keepAliveMs } = this.#reader;
    const exchange = this.#exchange!;
    this.#exchange = undefined;
    this.#idleSinceMs = this.#nowMs();
    this.#idleForMs = keepAliveMs === undefined ? keepAliveDefaultMs : keepAliveMs - keepAliveMarginMs;
    if (!keepAlive) this.destroy();
    exchange.onAnswer(status);
  }

  #closed(): void {
    if (this.#exchange && this.#reader.closed()) this.#answered();
    else this.#fail(closedByServer());
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.destroy();
    exchange?.onFailure(error);
  }
}

function closedByServer(): Error {
  return Object.assign(new Error("the connection was closed by the other side"), { code: "ECONNRESET" });
}

function connectTimedOut(): Error {
  return Object.assign(new Error("the connection was not accepted in time"), { code: "UND_ERR_CONNECT_TIMEOUT" });
}
