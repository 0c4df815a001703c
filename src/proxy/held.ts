/** What waits to go on: bytes, or how the connection ended behind them. */
export type Piece =
  | { kind: "bytes"; bytes: Buffer; arrivedUs: number; dueUs: number }
  | { kind: "end" | "reset"; arrivedUs: number; dueUs: number };

/** Pieces of one way of one connection, first in, first out, whatever their times say. */
export class HeldPieces {
  bytes = 0;
  #pieces: Piece[] = [];
  #lastDueUs = 0;

  get empty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Held since, µs; undefined where nothing is. */
  get oldestUs(): number | undefined {
    return this.#pieces[0]?.arrivedUs;
  }

  get nextDueUs(): number | undefined {
    return this.#pieces[0]?.dueUs;
  }

  add(piece: Piece): void {
    // A later piece never overtakes an earlier one.
    piece.dueUs = this.#lastDueUs = Math.max(this.#lastDueUs, piece.dueUs);
    if (piece.kind === "bytes") this.bytes += piece.bytes.length;
    this.#pieces.push(piece);
  }

  /** Nothing that comes later goes before that time. */
  delayUntil(dueUs: number): void {
    this.#lastDueUs = Math.max(this.#lastDueUs, dueUs);
  }

  take(): Piece | undefined {
    const piece = this.#pieces.shift();
    if (piece?.kind === "bytes") this.bytes -= piece.bytes.length;
    return piece;
  }

  /** From now on everything is due. */
  release(): void {
    this.#lastDueUs = 0;
    for (const piece of this.#pieces) piece.dueUs = 0;
  }

  discard(): void {
    this.#pieces = [];
    this.bytes = 0;
    this.#lastDueUs = 0;
  }
}
