import { RagctlError } from "../errors.ts";
import { formatBytes } from "../units.ts";
import { engine, mostPages, pageBytes, type SharedMemory } from "./kernel/engine.ts";

/** A stretch of the shared memory: its address for the kernel, and a view for everyone else. */
export interface Block<T> {
  readonly at: number;
  readonly values: T;
}

/** The first cache line is the counter from which threads take their chunks. */
const reservedBytes = 64;

/** Memory that threads and the kernel share, given out from the bottom up. What was taken since a mark is given back together. */
export class Arena {
  readonly memory: SharedMemory;
  #top = reservedBytes;

  /** @throws RagctlError exit 2 where the machine cannot even set aside addresses */
  constructor() {
    try {
      this.memory = new engine.Memory({ initial: 1, maximum: mostPages, shared: true });
    } catch (error) {
      throw new RagctlError("k-means sets aside 4 GiB of addresses, and cannot have them.", {
        code: "out-of-memory",
        exitCode: 2,
        hint: "A limit of this process or container on virtual memory is in the way: ulimit -v shows it.",
        cause: error,
      });
    }
  }

  f32(count: number): Block<Float32Array> {
    const at = this.#take(count * 4);
    return { at, values: new Float32Array(this.memory.buffer, at, count) };
  }

  i32(count: number): Block<Int32Array> {
    const at = this.#take(count * 4);
    return { at, values: new Int32Array(this.memory.buffer, at, count) };
  }

  f64(count: number): Block<Float64Array> {
    const at = this.#take(count * 8);
    return { at, values: new Float64Array(this.memory.buffer, at, count) };
  }

  /** Where the memory is given out from now; for `release`. */
  mark(): number {
    return this.#top;
  }

  release(mark: number): void {
    this.#top = mark;
  }

  /** Vectors of the kernel write whole fours: every block has room behind its end. @throws RagctlError exit 2 */
  #take(bytes: number): number {
    const at = this.#top;
    const top = Math.ceil((at + bytes + 16) / 64) * 64;
    const missing = Math.ceil((top - this.memory.buffer.byteLength) / pageBytes);
    if (missing > 0) {
      try {
        if (top > mostPages * pageBytes) throw new RangeError("beyond 4 GiB");
        // By a quarter at least: growing is not free.
        const pages = this.memory.buffer.byteLength / pageBytes;
        this.memory.grow(Math.min(mostPages - pages, Math.max(missing, pages >> 2)));
      } catch (error) {
        throw new RagctlError(`k-means would need ${formatBytes(top)} of memory, and cannot have it.`, {
          code: "out-of-memory",
          exitCode: 2,
          hint: "Fit on a part of the vectors: --sample 500000.",
          cause: error,
        });
      }
    }
    this.#top = top;
    return at;
  }
}
