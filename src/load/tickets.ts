import type { NodeOutcome } from "../cluster/contract.ts";
import type { DropCause, Ticket } from "./contract.ts";
import type { SettledSample } from "./recorder/sink.ts";

/** Who started a ticket's operation, and hears how it ends. */
export interface TicketOwner {
  ended(ticket: RunTicket, endUs: number, cause: string | undefined): void;
  refused(ticket: RunTicket, cause: DropCause): void;
  asked(ticket: RunTicket, requests: readonly NodeOutcome[]): void;
  measured(ticket: RunTicket, metric: string, value: number): void;
}

export class RunTicket implements Ticket {
  readonly index: number;
  readonly intendedUs: number;
  readonly startedUs: number;
  readonly window: number;
  readonly #owner: TicketOwner;
  settled = false;
  sentUs: number | undefined = undefined;
  cache: string | undefined = undefined;
  canceller: { cancel(): void } | undefined = undefined;

  constructor(owner: TicketOwner, index: number, intendedUs: number, startedUs: number, window: number) {
    this.#owner = owner;
    this.index = index;
    this.intendedUs = intendedUs;
    this.startedUs = startedUs;
    this.window = window;
  }

  settle(endUs: number, cause: string | undefined, requests?: readonly NodeOutcome[]): void {
    if (this.settled) return;
    this.settled = true;
    if (requests) this.#owner.asked(this, requests);
    this.#owner.ended(this, endUs, cause);
  }

  /** What is recorded of it once it has ended. */
  sample(endUs: number, cause: string | undefined): SettledSample {
    const { window, intendedUs, sentUs, cache } = this;
    return {
      window,
      cause,
      responseUs: endUs - intendedUs,
      serviceUs: endUs - (sentUs ?? endUs),
      lagUs: sentUs === undefined ? undefined : sentUs - intendedUs,
      cache,
    };
  }

  measure(metric: string, value: number): void {
    this.#owner.measured(this, metric, value);
  }

  drop(cause: DropCause): void {
    if (this.settled) return;
    this.settled = true;
    this.#owner.refused(this, cause);
  }
}

/** Tickets in order of dispatch. Settled ones are dropped from its front when they get there: O(1), amortised. */
export class TicketQueue {
  #tickets: (RunTicket | undefined)[] = [];
  #head = 0;

  push(ticket: RunTicket): void {
    // Keeping the front short here bounds the queue by what is between the oldest live ticket and the newest.
    this.#oldest();
    this.#tickets.push(ticket);
  }

  #oldest(): RunTicket | undefined {
    while (this.#head < this.#tickets.length) {
      const ticket = this.#tickets[this.#head]!;
      if (!ticket.settled) return ticket;
      this.#tickets[this.#head++] = undefined;
      if (this.#head >= 4096 && this.#head * 2 >= this.#tickets.length) {
        this.#tickets = this.#tickets.slice(this.#head);
        this.#head = 0;
      }
    }
    this.#tickets.length = 0;
    this.#head = 0;
    return undefined;
  }

  /** Settles, and cancels, what began `timeoutUs` ago or longer. */
  timeOut(nowUs: number, timeoutUs: number): void {
    for (let oldest = this.#oldest(); oldest && nowUs - oldest.startedUs >= timeoutUs; oldest = this.#oldest()) {
      oldest.settle(nowUs, "timeout");
      oldest.canceller?.cancel();
    }
  }

  /** Gives up, and cancels, whatever is under way; its owner is not told by the ticket but by `each`. */
  abandon(each: (ticket: RunTicket) => void): void {
    for (let oldest = this.#oldest(); oldest; oldest = this.#oldest()) {
      oldest.settled = true;
      each(oldest);
      oldest.canceller?.cancel();
    }
  }

  medianAgeUs(nowUs: number): number {
    const live = this.#tickets.slice(this.#head).filter((ticket) => ticket && !ticket.settled);
    const median = live[live.length >> 1];
    return median ? nowUs - median.startedUs : 0;
  }
}
