import type { Socket } from "node:net";
import { runAfter, type Clock, type Rng } from "../runtime.ts";
import { HeldPieces, type Piece } from "./held.ts";
import type { Plan } from "./plan.ts";
import { Spoiler } from "./spoiler.ts";

export interface FlowDeps {
  clock: Clock;
  rng: Rng;
}

/** Held bytes of one way of one connection: beyond, its sender must wait, as behind a full window. */
const heldMax = 4 * 2 ** 20;
/** The same where pieces queue for a slow line: what is in the queue is what others wait behind. */
const heldMaxOnLine = 65_536;
/** Node's timers count whole milliseconds: what is due within half of one goes now. */
const toleranceUs = 500;
/** What was held for longer than this when the fault ends is discarded, with its connection: nobody may still want it. */
const freshUs = 1_000_000;

/**
 * One way of one connection. Without a plan it costs one comparison a chunk; with one, chunks are dropped, cut, spoiled, or
 * held until they are due. The order of bytes is never changed, and none is left out of a stream that goes on.
 */
export class Flow {
  /** Undefined while nothing has been connected on that side. */
  sink: Socket | undefined;
  /** Sees what comes, where the other way wants to know. */
  onBytes: ((bytes: Buffer, fresh: boolean) => void) | undefined;
  /** What is coming is exact by request: nobody spoils it. */
  exact = false;
  bytes = 0;
  /** Something of it was dropped: the stream cannot go on once the plan lets bytes pass again. */
  broken = false;
  /** The next chunk is the first since bytes went the other way: the beginning of a request or an answer. */
  fresh = true;
  readonly #source: Socket;
  readonly #deps: FlowDeps;
  /** Both ways of the connection, at once. */
  readonly #cutBoth: () => void;
  readonly #held = new HeldPieces();
  #plan: Plan | undefined;
  #spoiler: Spoiler | undefined;
  #cancelTimer: (() => void) | undefined;
  /** Bytes until the cut of the message under way. */
  #cutAfter: number | undefined;

  constructor(source: Socket, sink: Socket | undefined, deps: FlowDeps, cutBoth: () => void) {
    this.#source = source;
    this.sink = sink;
    this.#deps = deps;
    this.#cutBoth = cutBoth;
  }

  get plan(): Plan | undefined {
    return this.#plan;
  }

  receive(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.onBytes?.(bytes, this.fresh);
    if (this.#plan) this.#impaired(bytes, this.#plan);
    else {
      this.fresh = false;
      if (!this.sink!.write(bytes)) this.#source.pause();
    }
  }

  /** The source has said its last word. */
  end(): void {
    if (this.#plan) this.#impairedEnd("end", this.#plan);
    else this.sink?.end();
  }

  /** The source's connection broke. */
  abort(): void {
    if (this.#plan) this.#impairedEnd("reset", this.#plan);
    else this.#cutBoth();
  }

  /** The sink takes bytes again. */
  drained(): void {
    if (!this.#held.empty) this.#pump();
    this.#admit();
  }

  /** A new plan, while the fault lasts or another one begins: what is held stays so, unless nothing passes any more. */
  tighten(plan: Plan | undefined): void {
    this.#plan = plan;
    if (!plan?.drop || (this.#held.empty && !this.#spoiler?.rest)) return;
    this.#held.discard();
    this.#spoiler = undefined;
    this.broken = true;
  }

  /**
   * A plan that holds less than the one before. What is held goes on at once, in order.
   * @returns false where it cannot: bytes of it were dropped, or are older than anybody waits for
   */
  relax(plan: Plan | undefined): boolean {
    this.#plan = plan;
    if (plan?.drop) return true;
    const { oldestUs } = this.#held;
    if (this.broken || (oldestUs !== undefined && this.#deps.clock.monotonicUs() - oldestUs > freshUs)) return false;
    this.#cutAfter = undefined;
    const { rest } = this.#spoiler ?? {};
    this.#spoiler = undefined;
    if (rest) this.#hold({ kind: "bytes", bytes: rest, arrivedUs: 0, dueUs: 0 });
    this.#held.release();
    this.#pump();
    this.#admit();
    return true;
  }

  /** A connection that is being opened. */
  opening(): void {
    const openMs = this.#plan?.openMs() ?? 0;
    if (openMs > 0) this.#held.delayUntil(this.#deps.clock.monotonicUs() + openMs * 1000);
  }

  discard(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#held.discard();
    this.#spoiler = undefined;
  }

  #impaired(bytes: Buffer, plan: Plan): void {
    const { fresh } = this;
    this.fresh = false;
    if (plan.drop) {
      this.broken = true;
      return;
    }
    if (plan.spoil && !(fresh && this.exact)) {
      this.#spoiler ??= new Spoiler(this.#deps.rng);
      for (const part of this.#spoiler.take(bytes, fresh, plan.spoil)) this.#pass(part, fresh, plan);
    } else this.#pass(bytes, fresh, plan);
  }

  #pass(bytes: Buffer, fresh: boolean, plan: Plan): void {
    if (plan.cut && fresh)
      this.#cutAfter = this.#deps.rng() < plan.cut.ratio ? (plan.cut.afterBytes ?? Math.floor(bytes.length / 2)) : undefined;
    const cutHere = plan.cut && this.#cutAfter !== undefined && this.#cutAfter < bytes.length;
    this.#time(cutHere ? bytes.subarray(0, this.#cutAfter) : bytes, plan);
    if (cutHere) this.#impairedEnd("reset", plan);
    else if (this.#cutAfter !== undefined) this.#cutAfter -= bytes.length;
  }

  #time(bytes: Buffer, plan: Plan): void {
    const nowUs = this.#deps.clock.monotonicUs();
    for (let at = 0; at < bytes.length; at += plan.pieceBytes) {
      const piece = bytes.subarray(at, at + plan.pieceBytes);
      this.#hold({ kind: "bytes", bytes: piece, arrivedUs: nowUs, dueUs: plan.dueUs(piece.length, nowUs) });
    }
    if (this.#held.bytes > (Number.isFinite(plan.pieceBytes) ? heldMaxOnLine : heldMax)) this.#source.pause();
    this.#pump();
  }

  #impairedEnd(kind: "end" | "reset", plan: Plan): void {
    if (plan.drop) {
      this.broken = true;
      return;
    }
    const { rest } = this.#spoiler ?? {};
    if (rest) this.#time(rest, plan);
    this.#spoiler = undefined;
    const nowUs = this.#deps.clock.monotonicUs();
    this.#hold({ kind, arrivedUs: nowUs, dueUs: plan.dueUs(0, nowUs) });
    this.#pump();
  }

  #hold(piece: Piece): void {
    this.#held.add(piece);
  }

  /** Sends what is due, for as long as the sink takes it, and comes back for the rest. */
  #pump(): void {
    const { sink } = this;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!sink) return;
    const nowUs = this.#deps.clock.monotonicUs();
    for (;;) {
      const { nextDueUs } = this.#held;
      if (nextDueUs === undefined || sink.destroyed) return;
      const waitUs = nextDueUs - nowUs;
      if (waitUs > toleranceUs) {
        this.#cancelTimer = runAfter(this.#deps.clock, Math.round(waitUs / 1000), () => {
          this.#cancelTimer = undefined;
          this.#pump();
          this.#admit();
        });
        return;
      }
      // `drained` goes on.
      if (sink.writableNeedDrain) return;
      const piece = this.#held.take()!;
      if (piece.kind === "bytes") sink.write(piece.bytes);
      else if (piece.kind === "end") sink.end();
      else return this.#cutBoth();
    }
  }

  /** Lets the sender go on where there is room again. */
  #admit(): void {
    if (!this.#source.isPaused() || this.sink?.writableNeedDrain) return;
    const plan = this.#plan;
    const max = plan && Number.isFinite(plan.pieceBytes) ? heldMaxOnLine : heldMax;
    if (this.#held.bytes <= max / 2) this.#source.resume();
  }
}
