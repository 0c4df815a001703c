import type { Clock } from "../../runtime.ts";
import { TransportError, type HttpAnswer, type TransportFailure } from "../contract.ts";
import { transportError } from "../failure.ts";
import type { Connection } from "./connection.ts";

/** What an exchange needs of the pool that it belongs to. */
export interface ExchangeHost {
  readonly origin: string;
  readonly clock: Pick<Clock, "monotonicUs">;
  inFlight: number;
}

/**
 * One request on its way over a connection of its own: the timer of the whole of it and the caller's signal in one object. Settles
 * `answer` exactly once.
 */
export class WireExchange {
  readonly answer: Promise<HttpAnswer>;
  readonly head: string;
  readonly body: Buffer | undefined;
  /** The connection that it was given; not written to before that is open. */
  connection: Connection | undefined;
  settled = false;
  readonly #host: ExchangeHost;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #resolve: (answer: HttpAnswer) => void;
  readonly #reject: (error: TransportError) => void;
  #sentUs: number | undefined;

  constructor(host: ExchangeHost, head: string, body: Buffer | undefined, timeoutMs: number, signal: AbortSignal | undefined) {
    this.head = head;
    this.body = body;
    this.#host = host;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(expire, timeoutMs, this);
    signal?.addEventListener("abort", this, { once: true });
    host.inFlight++;
  }

  get started(): boolean {
    return this.#sentUs !== undefined;
  }

  onSend(): void {
    this.#sentUs = this.#host.clock.monotonicUs();
  }

  onAnswer(status: number, head: string, body: Buffer): void {
    if (this.settled) return;
    const endUs = this.#host.clock.monotonicUs();
    this.#settle();
    this.#resolve(new WireAnswer(status, head, body, this.#sentUs!, endUs));
  }

  onFailure(error: unknown): void {
    if (this.settled) return;
    this.#settle();
    this.#reject(
      error instanceof TransportError
        ? new TransportError(error.failure, error.message, this.started, error)
        : transportError(error, this.started, this.#host.origin),
    );
  }

  /** The caller's signal. */
  handleEvent(): void {
    this.#giveUp("aborted", this.started ? "cancelled before the answer was complete" : "cancelled before it was sent");
  }

  expired(): void {
    this.#giveUp(
      "timeout",
      this.started ? `no complete answer within ${this.#timeoutMs} ms` : `no connection was free within ${this.#timeoutMs} ms`,
    );
  }

  #giveUp(failure: TransportFailure, reason: string): void {
    if (this.settled) return;
    this.#settle();
    this.connection?.givenUp();
    this.#reject(new TransportError(failure, `${this.#host.origin}: ${reason}`, this.started));
  }

  #settle(): void {
    this.settled = true;
    this.#host.inFlight--;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this);
  }
}

/** Headers are read only by those who ask: of a good answer nobody does. */
class WireAnswer implements HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
  readonly sentUs: number;
  readonly endUs: number;
  readonly #head: string;

  constructor(status: number, head: string, body: Buffer, sentUs: number, endUs: number) {
    this.status = status;
    this.#head = head;
    this.body = body;
    this.sentUs = sentUs;
    this.endUs = endUs;
  }

  get headers(): HttpAnswer["headers"] {
    const headers: Record<string, string | string[]> = {};
    for (const line of this.#head.split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      if (colon <= 0) continue;
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      const known = headers[name];
      headers[name] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value];
    }
    return headers;
  }
}

/** One turn of the event loop more: where this process itself was late, the answer may be here already, unread. */
function expire(exchange: WireExchange): void {
  setImmediate(lastLook, exchange);
}

function lastLook(exchange: WireExchange): void {
  exchange.expired();
}
