import type { Vector } from "./contract.ts";

const initialBytes = 1 << 14;
/** A buffer that grew beyond this for one large batch is given back. */
const keptBytes = 1 << 22;
/** No component is longer: sign, "0.", four zeros, nine digits, comma; or a number in exponent form. */
const maxComponentBytes = 26;

const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const comma = 0x2c;

/** "0000" to "9999", so that digits are written four at a time. */
const fours = new Uint8Array(40_000).map((_, i) => zero + (Math.floor((i >> 2) / 10 ** (3 - (i & 3))) % 10));

/**
 * Writes a JSON text into one growing buffer. Its reason is vectors: printing a float32 as the double it widens to takes 17
 * digits where nine say the same. 384 dimensions: 10 µs and 5.2 KB here, 24 µs and 8 KB through `JSON.stringify`, 15 µs
 * through `join` (Node 26).
 */
export class JsonBytes {
  #buffer = Buffer.allocUnsafe(initialBytes);
  #length = 0;

  /** Forgets what was written. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** JSON text, as it is. */
  text(json: string): this {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.#reserve(json.length * 3);
    this.#length += this.#buffer.write(json, this.#length);
    return this;
  }

  /**
   * An array of numbers. Components of a Float32Array get nine significant digits, which give the same float32 back;
   * those of a plain array are printed in full.
   * @throws RangeError naming the first component that is not a finite number
   */
  vector(vector: Vector): this {
    if (!(vector instanceof Float32Array)) {
      for (let i = 0; i < vector.length; i++) if (!Number.isFinite(vector[i])) throw notFinite(i, vector[i]);
      return this.text(JSON.stringify(vector));
    }
    this.#reserve(2 + vector.length * maxComponentBytes);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = 0x5b;
    for (let i = 0; i < vector.length; i++) {
      if (i > 0) buffer[at++] = comma;
      const value = vector[i]!;
      if (value - value !== 0) throw notFinite(i, value);
      at = writeFloat(buffer, at, value);
    }
    buffer[at++] = 0x5d;
    this.#length = at;
    return this;
  }

  /** A copy of what was written; the writer is empty again. */
  take(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#length));
    if (this.#buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafe(initialBytes);
    this.clear();
    return bytes;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

function notFinite(index: number, value: unknown): RangeError {
  return new RangeError(`component ${index} of the vector is ${String(value)}, not a finite number`);
}

/** Writes a finite float32 with nine significant digits and without trailing zeros; returns where it ended. */
function writeFloat(buffer: Buffer, at: number, value: number): number {
  if (value < 0) {
    buffer[at++] = minus;
    value = -value;
  }
  // Embeddings live below one. Decimals such that the digits are nine: the scaled value is in [1e8, 1e9).
  if (value >= 1 || value < 1e-5) return writeOther(buffer, at, value);
  const zeros = value >= 0.1 ? 0 : value >= 0.01 ? 1 : value >= 0.001 ? 2 : value >= 0.0001 ? 3 : 4;
  let digits = (value * scales[zeros]! + 0.5) | 0;
  if (digits >= 1e9) return writeOther(buffer, at, value);
  buffer[at++] = zero;
  buffer[at++] = point;
  for (let i = 0; i < zeros; i++) buffer[at++] = zero;
  // Nine digits: one, four, four.
  const first = (digits / 1e8) | 0;
  digits -= first * 1e8;
  const high = (digits / 1e4) | 0;
  const low = digits - high * 1e4;
  buffer[at] = zero + first;
  let from = high << 2;
  buffer[at + 1] = fours[from]!;
  buffer[at + 2] = fours[from + 1]!;
  buffer[at + 3] = fours[from + 2]!;
  buffer[at + 4] = fours[from + 3]!;
  from = low << 2;
  buffer[at + 5] = fours[from]!;
  buffer[at + 6] = fours[from + 1]!;
  buffer[at + 7] = fours[from + 2]!;
  buffer[at + 8] = fours[from + 3]!;
  let end = at + 9;
  while (buffer[end - 1] === zero) end--;
  return end;
}
const scales = [1e9, 1e10, 1e11, 1e12, 1e13];

function writeOther(buffer: Buffer, at: number, value: number): number {
  return at + buffer.write(String(Number(value.toPrecision(9))), at, "latin1");
}
