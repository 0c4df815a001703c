import type { NodeOutcome } from "../cluster/contract.ts";
import type { DropCause, Operation, Schedule } from "./contract.ts";
import type { Drive } from "./drive.ts";
import { blameFullHouse } from "./drops.ts";
import type { SampleSink } from "./recorder/sink.ts";
import { windowOf } from "./schedules/windows.ts";
import { RunTicket, TicketQueue, type TicketOwner } from "./tickets.ts";

export interface GeneratorOptions {
  schedule: Schedule;
  /** This generator runs the operations first, first + stride, first + 2 stride, … */
  first: number;
  stride: number;
  operation: Operation;
  sink: SampleSink;
  nowUs: () => number;
  timeoutUs: number;
  maxInFlight: number;
  slowUs: number;
  /** Share of the last moments that this thread's event loop was busy. */
  loopBusy: () => number;
}

/** How long a verdict about who is to blame for a full house stands: in overload, drops come by the thousand. */
const blameForUs = 10_000;

/**
 * The open loop of one worker. It holds no timer: whoever drives it calls `pump` when something is due (and it calls itself when an
 * operation ends) and `sweep` now and then. What is due is sent at once, whatever became of earlier operations.
 */
export class Generator implements Drive, TicketOwner {
  readonly #options: GeneratorOptions;
  readonly #inFlight: TicketQueue = new TicketQueue();
  #startUs = 0;
  #next: number;
  #nextDueUs = Number.POSITIVE_INFINITY;
  #end: number;
  #pumping = false;
  #live = 0;
  /** Of operations that count; 0 while there are none. */
  lastSentUs = 0;
  lastEndUs = 0;
  #blame: { cause: DropCause; untilUs: number } = { cause: "in-flight-generator", untilUs: Number.NEGATIVE_INFINITY };

  constructor(options: GeneratorOptions) {
    this.#options = options;
    this.#next = options.first;
    this.#end = options.schedule.total;
  }

  /** @param startUs monotonic time of offset 0 of the schedule */
  start(startUs: number): void {
    this.#startUs = startUs;
    this.#aim();
  }

  /** When the next operation is due; Infinity when all have been dealt with. */
  get nextDueUs(): number {
    return this.#nextDueUs;
  }
  get inFlight(): number {
    return this.#live;
  }
  get finished(): boolean {
    return this.#nextDueUs === Number.POSITIVE_INFINITY && this.#live === 0;
  }

  /** Sends everything that is due by now. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      let nowUs = this.#options.nowUs();
      while (this.#nextDueUs <= nowUs) {
        this.#dispatch(nowUs);
        nowUs = this.#options.nowUs();
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** Ends what has been under way for longer than the timeout. */
  sweep(): void {
    this.#inFlight.timeOut(this.#options.nowUs(), this.#options.timeoutUs);
  }

  /** Nothing that is due later than now will be sent. */
  stop(): void {
    const offsetUs = this.#options.nowUs() - this.#startUs;
    while (this.#end > this.#next && this.#options.schedule.intendedUs(this.#end - 1) > offsetUs) this.#end--;
    this.#aim();
  }

  /** Gives up what is still under way: counted as unfinished. What was due and never sent was too late. */
  abandon(): void {
    while (this.#nextDueUs <= this.#options.nowUs()) this.#skip("late");
    this.#nextDueUs = Number.POSITIVE_INFINITY;
    this.#inFlight.abandon((ticket) => {
      this.#live--;
      this.#options.sink.unfinished(ticket.window);
    });
  }

  #dispatch(nowUs: number): void {
    const { schedule, operation, maxInFlight, timeoutUs } = this.#options;
    const lagUs = nowUs - this.#nextDueUs;
    // Its answer could only come after its time was up.
    if (lagUs > timeoutUs) return this.#skip("late");
    if (this.#live >= maxInFlight) return this.#skip(this.#blameAt(nowUs, lagUs));
    const index = this.#next;
    const ticket = new RunTicket(this, index, this.#nextDueUs, nowUs, windowOf(schedule, schedule.intendedUs(index)));
    this.#inFlight.push(ticket);
    this.#live++;
    this.#advance();
    operation.start(ticket);
  }

  #skip(cause: DropCause): void {
    const { schedule, sink } = this.#options;
    sink.dropped(windowOf(schedule, schedule.intendedUs(this.#next)), cause);
    this.#advance();
  }

  #advance(): void {
    this.#next += this.#options.stride;
    this.#aim();
  }

  #aim(): void {
    this.#nextDueUs =
      this.#next < this.#end ? this.#startUs + this.#options.schedule.intendedUs(this.#next) : Number.POSITIVE_INFINITY;
  }

  #blameAt(nowUs: number, lagUs: number): DropCause {
    if (nowUs >= this.#blame.untilUs) {
      const { loopBusy, slowUs } = this.#options;
      const medianAgeUs = this.#inFlight.medianAgeUs(nowUs);
      this.#blame = { cause: blameFullHouse({ lagUs, loopBusy: loopBusy(), medianAgeUs, slowUs }), untilUs: nowUs + blameForUs };
    }
    return this.#blame.cause;
  }

  /** For tickets only. */
  ended(ticket: RunTicket, endUs: number, cause: string | undefined): void {
    this.#live--;
    if (ticket.window >= 0) {
      this.lastEndUs = Math.max(this.lastEndUs, endUs);
      this.lastSentUs = Math.max(this.lastSentUs, ticket.sentUs ?? 0);
    }
    this.#options.sink.settled(ticket.sample(endUs, cause));
    this.pump();
  }
  /** For tickets only. */
  refused(ticket: RunTicket, cause: DropCause): void {
    this.#live--;
    this.#options.sink.dropped(ticket.window, cause);
  }
  /** For tickets only. */
  measured(ticket: RunTicket, metric: string, value: number): void {
    this.#options.sink.measured(ticket.window, metric, value);
  }
  /** For tickets only. */
  asked(ticket: RunTicket, requests: readonly NodeOutcome[]): void {
    for (const request of requests) this.#options.sink.request(ticket.window, request);
  }
}
