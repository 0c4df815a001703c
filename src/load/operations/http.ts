import type { Client, Dispatcher } from "undici";
import { explainTransport } from "../../http/failure.ts";
import type { HttpOperationSpec, Operation, Ticket } from "../contract.ts";
import { Clients } from "./clients.ts";
import type { OperationDeps } from "./deps.ts";

/** What the operating system says when this machine, not the target, has no socket left. */
const outOfSockets = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);

/** A raw prepared request; 2xx is ok, any other status an error named after it. Answers are read and thrown away. */
export function httpOperation(spec: HttpOperationSpec, { nowUs }: OperationDeps): Operation {
  const clients = new Clients(spec.origin);
  const options = dispatchOptions(spec);
  return {
    start(ticket) {
      const exchange = new LoadExchange(ticket, clients, nowUs);
      exchange.client = clients.dispatch(options, exchange);
      if (exchange.ended) clients.release(exchange.client);
    },
    close: () => clients.close(),
    connectionsOpened: () => clients.opened,
  };
}

/** The request as undici takes it. */
export function dispatchOptions({ request }: HttpOperationSpec): Dispatcher.DispatchOptions {
  const { path, method, headers, body } = request;
  return { path, method, headers, body: body ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : null };
}

/** One request: undici's handler and nothing else, so that it costs no closure, promise or timer. */
class LoadExchange implements Dispatcher.DispatchHandler {
  client: Client | undefined = undefined;
  ended = false;
  readonly #ticket: Ticket;
  readonly #clients: Clients;
  readonly #nowUs: () => number;
  #controller: Dispatcher.DispatchController | undefined = undefined;
  #status = 0;

  constructor(ticket: Ticket, clients: Clients, nowUs: () => number) {
    this.#ticket = ticket;
    this.#clients = clients;
    this.#nowUs = nowUs;
    ticket.cancel = () => this.#cancel();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited for its connection. A throw makes undici drop it unwritten and keep the socket.
    if (this.ended) throw givenUp;
    this.#controller = controller;
    this.#ticket.sentUs = this.#nowUs();
  }

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    const endUs = this.#nowUs();
    this.#end();
    this.#ticket.settle(endUs, this.#status >= 200 && this.#status < 300 ? undefined : `status-${this.#status}`);
  }

  onResponseError(_controller: unknown, error: Error): void {
    const endUs = this.#nowUs();
    this.#end();
    if (this.#ticket.sentUs === undefined && outOfSockets.has(codeOf(error))) this.#ticket.drop("sockets");
    else this.#ticket.settle(endUs, causeOf(error, this.#ticket.sentUs !== undefined));
  }

  #cancel(): void {
    if (this.ended) return;
    // Without a controller it still waits for its connection: it keeps the client until undici comes back to it.
    if (this.#controller) this.#controller.abort(givenUp);
    else this.ended = true;
  }

  #end(): void {
    this.ended = true;
    if (this.client) this.#clients.release(this.client);
    this.client = undefined;
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
