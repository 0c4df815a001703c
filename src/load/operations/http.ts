import { explainTransport } from "../../http/failure.ts";
import type { HttpOperationSpec, Operation, Ticket } from "../contract.ts";
import { Connections, type Sender } from "./connections.ts";
import type { OperationDeps } from "./deps.ts";
import { ProtocolError } from "../../http/wire/answer-reader.ts";
import { requestBytes } from "./wire/request-bytes.ts";
import { Wire, type Exchange } from "./wire/wire.ts";

/** What the operating system says when this machine, not the target, has no socket left. */
const outOfSockets = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);

/** A raw prepared request; 2xx is ok, any other status an error named after it. Answers are read and thrown away. */
export function httpOperation(spec: HttpOperationSpec, { nowUs, clock, maxInFlight }: OperationDeps): Operation {
  const origin = new URL(spec.origin);
  const bytes = requestBytes(spec);
  const connections = new Connections(() => new Wire(origin, bytes, () => clock.monotonicUs() / 1000), maxInFlight);
  return {
    start: (ticket) => connections.take(new LoadExchange(ticket, connections, nowUs)),
    close: async () => connections.close(),
    connectionsOpened: () => connections.opened,
  };
}

/** One request: a ticket on its way to a connection and back, without a closure, promise or timer. */
class LoadExchange implements Exchange, Sender<Wire> {
  ended = false;
  readonly #ticket: Ticket;
  readonly #connections: Connections<Wire>;
  readonly #nowUs: () => number;
  #wire: Wire | undefined = undefined;

  constructor(ticket: Ticket, connections: Connections<Wire>, nowUs: () => number) {
    this.#ticket = ticket;
    this.#connections = connections;
    this.#nowUs = nowUs;
    ticket.canceller = this;
  }

  send(wire: Wire): void {
    this.#wire = wire;
    wire.send(this);
  }

  /** Given up: by a timeout, or because the run is over. */
  cancel(): void {
    if (this.ended) return;
    this.ended = true;
    this.#wire?.destroy();
    this.#release();
  }

  onSend(): void {
    this.#connections.connected(this.#wire!);
    this.#ticket.sentUs = this.#nowUs();
  }

  onAnswer(status: number): void {
    const endUs = this.#nowUs();
    this.ended = true;
    this.#release();
    this.#ticket.settle(endUs, status >= 200 && status < 300 ? undefined : `status-${status}`);
  }

  onFailure(error: Error): void {
    const endUs = this.#nowUs();
    const sent = this.#ticket.sentUs !== undefined;
    if (!sent && outOfSockets.has(codeOf(error))) {
      if (this.#connections.exhausted(this.#wire!)) return this.#connections.take(this);
      this.ended = true;
      return this.#ticket.drop("sockets");
    }
    this.ended = true;
    this.#release();
    this.#ticket.settle(endUs, causeOf(error, sent));
  }

  #release(): void {
    const wire = this.#wire;
    this.#wire = undefined;
    if (wire) this.#connections.release(wire);
  }
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

function causeOf(error: Error, sent: boolean): string {
  if (error instanceof ProtocolError) return "protocol";
  const { failure } = explainTransport(error);
  return !sent && failure === "reset" ? "connect" : failure;
}
