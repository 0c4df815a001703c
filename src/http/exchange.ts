import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import type { Clock } from "../runtime.ts";
import { TransportError, type HttpAnswer } from "./contract.ts";
import { transportError } from "./failure.ts";

/**
 * One request on its way: undici's handler, the timer of the whole request and the listener of the caller's signal in one
 * object, so that a request costs no closures. Settles `answer` exactly once.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<HttpAnswer>;
  readonly #origin: string;
  readonly #clock: Pick<Clock, "monotonicUs">;
  readonly #counter: { inFlight: number };
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #resolve: (answer: HttpAnswer) => void;
  readonly #reject: (error: TransportError) => void;
  #settled = false;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #first: Buffer | undefined;
  #chunks: Buffer[] | undefined;
  #sentUs = 0;

  constructor(
    origin: string,
    clock: Pick<Clock, "monotonicUs">,
    counter: { inFlight: number },
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ) {
    this.#origin = origin;
    this.#clock = clock;
    this.#counter = counter;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // Timers of one length share one list in Node, so that this is cheap even at tens of thousands a second.
    this.#timer = setTimeout(expire, timeoutMs, this);
    signal?.addEventListener("abort", this, { once: true });
    counter.inFlight++;
  }

  /** The caller's signal. */
  handleEvent(): void {
    this.#fail("aborted", this.#controller ? "cancelled before the answer was complete" : "cancelled before it was sent");
  }

  /** The timer. Where this process itself was late, the answer may be here already, unread: it has one turn of the loop to come in. */
  expire(): void {
    setImmediate(giveUp, this);
  }

  giveUp(): void {
    this.#fail(
      "timeout",
      this.#controller
        ? `no complete answer within ${this.#timeoutMs} ms`
        : `no connection was free within ${this.#timeoutMs} ms`,
    );
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited for a socket. A throw makes undici drop it unwritten, and keep the socket, which an abort would not.
    if (this.#settled) throw givenUp;
    this.#controller = controller;
    this.#sentUs = this.#clock.monotonicUs();
  }

  /** Called again after an informational (1xx) answer, so that the last one counts. */
  onResponseStart(_controller: unknown, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    if (!this.#first) this.#first = chunk;
    else if (this.#chunks) this.#chunks.push(chunk);
    else this.#chunks = [this.#first, chunk];
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    const endUs = this.#clock.monotonicUs();
    this.#settle();
    this.#resolve({
      status: this.#status,
      headers: this.#headers,
      body: this.#chunks ? Buffer.concat(this.#chunks) : (this.#first ?? emptyBody),
      sentUs: this.#sentUs,
      endUs,
    });
  }

  onResponseError(_controller: unknown, error: unknown): void {
    if (this.#settled) return;
    this.#settle();
    const started = this.#controller !== undefined;
    this.#reject(
      error instanceof TransportError
        ? new TransportError(error.failure, error.message, started, error)
        : transportError(error, started, this.#origin),
    );
  }

  #fail(failure: "aborted" | "timeout", reason: string): void {
    if (this.#settled) return;
    this.#settle();
    const error = new TransportError(failure, `${this.#origin}: ${reason}`, this.#controller !== undefined);
    this.#controller?.abort(error);
    this.#reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.#counter.inFlight--;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this);
  }
}

const emptyBody = Buffer.alloc(0);
const givenUp = new Error("given up before it was sent");

function expire(exchange: Exchange): void {
  exchange.expire();
}

function giveUp(exchange: Exchange): void {
  exchange.giveUp();
}
