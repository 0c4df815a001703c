import type { Client, Dispatcher } from "undici";
import { explainTransport } from "../../http/failure.ts";
import type { HttpOperationSpec, Operation, Ticket } from "../contract.ts";
import { Connections, type Sender } from "./connections.ts";
import type { OperationDeps } from "./deps.ts";

/** What the operating system says when this machine, not the target, has no socket left. */
const outOfSockets = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);

/** A raw prepared request; 2xx is ok, any other status an error named after it. Answers are read and thrown away. */
export function httpOperation(spec: HttpOperationSpec, { nowUs, maxInFlight }: OperationDeps): Operation {
  const connections = new Connections(spec.origin, maxInFlight);
  const shared: Shared = { connections, nowUs, options: dispatchOptions(spec) };
  return {
    start: (ticket) => connections.take(new LoadExchange(ticket, shared)),
    close: () => connections.close(),
    connectionsOpened: () => connections.opened,
  };
}

/** The request as undici takes it. */
export function dispatchOptions({ request }: HttpOperationSpec): Dispatcher.DispatchOptions {
  const { path, method, headers, body } = request;
  return { path, method, headers, body: body ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : null };
}

interface Shared {
  connections: Connections;
  nowUs: () => number;
  options: Dispatcher.DispatchOptions;
}

/** One request: undici's handler and nothing else, so that it costs no closure, promise or timer. */
class LoadExchange implements Dispatcher.DispatchHandler, Sender {
  ended = false;
  readonly #ticket: Ticket;
  readonly #shared: Shared;
  #client: Client | undefined = undefined;
  #controller: Dispatcher.DispatchController | undefined = undefined;
  #status = 0;

  constructor(ticket: Ticket, shared: Shared) {
    this.#ticket = ticket;
    this.#shared = shared;
    ticket.canceller = this;
  }

  send(client: Client): void {
    this.#client = client;
    client.dispatch(this.#shared.options, this);
  }

  /** Given up: by a timeout, or because the run is over. */
  cancel(): void {
    if (this.ended) return;
    this.ended = true;
    this.#controller?.abort(givenUp);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#shared.connections.connected(this.#client!);
    // Given up while it waited for its connection. A throw makes undici drop it unwritten and keep the socket.
    if (this.ended) throw givenUp;
    this.#controller = controller;
    this.#ticket.sentUs = this.#shared.nowUs();
  }

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    const endUs = this.#shared.nowUs();
    this.ended = true;
    this.#shared.connections.release(this.#client!);
    this.#ticket.settle(endUs, this.#status >= 200 && this.#status < 300 ? undefined : `status-${this.#status}`);
  }

  onResponseError(_controller: unknown, error: Error): void {
    const endUs = this.#shared.nowUs();
    const sent = this.#ticket.sentUs !== undefined;
    if (!sent && !this.ended && outOfSockets.has(codeOf(error))) {
      if (this.#shared.connections.exhausted(this.#client!)) return this.#shared.connections.take(this);
      this.ended = true;
      return this.#ticket.drop("sockets");
    }
    this.ended = true;
    this.#shared.connections.release(this.#client!);
    this.#ticket.settle(endUs, causeOf(error, sent));
  }
}

const givenUp = new Error("given up");

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

function causeOf(error: Error, sent: boolean): string {
  const { failure } = explainTransport(error);
  return !sent && failure === "reset" ? "connect" : failure;
}
