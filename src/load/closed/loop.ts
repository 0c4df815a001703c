import type { NodeOutcome } from "../../cluster/contract.ts";
import type { ClosedSpec, DropCause, Operation } from "../contract.ts";
import type { Drive } from "../drive.ts";
import type { SampleSink } from "../recorder/sink.ts";
import { windowOf } from "../schedules/windows.ts";
import { RunTicket, TicketQueue, type TicketOwner } from "../tickets.ts";
import { hasIterations, mostUsers, usersAt } from "./users.ts";

export interface ClosedLoopOptions {
  spec: ClosedSpec;
  /** This loop has the users first, first + stride, … */
  first: number;
  stride: number;
  operation: Operation;
  sink: SampleSink;
  nowUs: () => number;
  timeoutUs: number;
}

interface User {
  number: number;
  /** Monotonic: when it may begin again; undefined while its operation is under way. */
  freeUs: number | undefined;
  iterations: number;
}

/** After an operation that could not be sent at all (no sockets), a user waits this long: it would spin otherwise. */
const afterRefusalUs = 100_000;

/**
 * The virtual users of one worker. The intended start of an operation is the moment that its user began it: a slow target delays whatever its users
 * would have asked next, so response time is service time here, and a run says so.
 */
export class ClosedLoop implements Drive, TicketOwner {
  readonly #options: ClosedLoopOptions;
  readonly #users: User[];
  readonly #userOf = new Map<RunTicket, User>();
  readonly #inFlight = new TicketQueue();
  readonly #counter: Int32Array;
  #startUs = 0;
  #stopped = true;
  #pumping = false;
  lastSentUs = 0;
  lastEndUs = 0;

  constructor(options: ClosedLoopOptions) {
    this.#options = options;
    const { spec, first, stride } = options;
    this.#counter = new Int32Array(spec.counter);
    this.#users = [];
    for (let number = first; number < mostUsers(spec); number += stride) this.#users.push({ number, freeUs: 0, iterations: 0 });
  }

  start(startUs: number): void {
    this.#startUs = startUs + this.#options.spec.warmupUs + (this.#options.spec.startUs ?? 0);
    this.#stopped = false;
  }

  get finished(): boolean {
    return this.#over && this.#userOf.size === 0;
  }

  get #over(): boolean {
    const { spec } = this.#options;
    if (this.#stopped || this.#elapsedUs() >= spec.durationUs) return true;
    if (spec.kind === "per-vu-iterations") return this.#users.every(({ iterations }) => iterations >= spec.iterations);
    return spec.kind === "shared-iterations" && Atomics.load(this.#counter, 1) >= spec.iterations;
  }

  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      const { spec, nowUs } = this.#options;
      const at = nowUs();
      const active = this.#stopped ? 0 : usersAt(spec, this.#elapsedUs());
      for (const user of this.#users) {
        if (user.number >= active) break;
        if (user.freeUs !== undefined && user.freeUs <= at && this.#mayBegin(user)) this.#begin(user);
      }
    } finally {
      this.#pumping = false;
    }
  }

  sweep(): void {
    this.#inFlight.timeOut(this.#options.nowUs(), this.#options.timeoutUs);
  }

  stop(): void {
    this.#stopped = true;
  }

  abandon(): void {
    this.stop();
    this.#inFlight.abandon((ticket) => {
      this.#userOf.delete(ticket);
      this.#options.sink.unfinished(ticket.window);
    });
  }

  /** For tickets only. */
  ended(ticket: RunTicket, endUs: number, cause: string | undefined): void {
    if (ticket.window >= 0) {
      this.lastEndUs = Math.max(this.lastEndUs, endUs);
      this.lastSentUs = Math.max(this.lastSentUs, ticket.sentUs ?? 0);
    }
    this.#options.sink.settled(ticket.sample(endUs, cause));
    const user = this.#release(ticket, endUs + this.#options.spec.thinkUs);
    if (user && this.#options.spec.thinkUs === 0) this.#goOn(user);
  }
  /** For tickets only. */
  refused(ticket: RunTicket, cause: DropCause): void {
    this.#options.sink.dropped(ticket.window, cause);
    this.#release(ticket, this.#options.nowUs() + afterRefusalUs);
  }
  /** For tickets only. */
  asked(ticket: RunTicket, requests: readonly NodeOutcome[]): void {
    for (const request of requests) this.#options.sink.request(ticket.window, request);
  }
  /** For tickets only. */
  measured(ticket: RunTicket, metric: string, value: number): void {
    this.#options.sink.measured(ticket.window, metric, value);
  }

  #begin(user: User): void {
    const { spec, operation, nowUs } = this.#options;
    const startedUs = nowUs();
    const measuredUs = startedUs - this.#startUs + (spec.startUs ?? 0);
    const index = Atomics.add(this.#counter, 0, 1);
    const ticket = new RunTicket(this, index, startedUs, startedUs, windowOf({ warmupUs: 0 }, measuredUs));
    user.freeUs = undefined;
    user.iterations++;
    this.#userOf.set(ticket, user);
    this.#inFlight.push(ticket);
    operation.start(ticket);
  }

  /** Takes one of the iterations that there are. */
  #mayBegin(user: User): boolean {
    const { spec } = this.#options;
    if (!hasIterations(spec)) return true;
    if (spec.kind === "per-vu-iterations") return user.iterations < spec.iterations;
    return Atomics.add(this.#counter, 1, 1) < spec.iterations;
  }

  /** Its next operation, at once; where the last one settled while it was being begun, `pump` comes back to it. */
  #goOn(user: User): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    try {
      if (user.number < usersAt(this.#options.spec, this.#elapsedUs()) && this.#mayBegin(user)) this.#begin(user);
    } finally {
      this.#pumping = false;
    }
  }

  #release(ticket: RunTicket, freeUs: number): User | undefined {
    const user = this.#userOf.get(ticket);
    if (user) user.freeUs = freeUs;
    this.#userOf.delete(ticket);
    return user;
  }

  #elapsedUs(): number {
    return this.#options.nowUs() - this.#startUs;
  }
}
