import type { Distance, Vector } from "../../stores/contract.ts";

/**
 * Whether two vectors are the same as far as a collection of this distance can tell: by cosine, stores keep the direction
 * alone. `tolerance` is a share of the length (for cosine, of the unit sphere).
 */
export function sameVector(a: Vector, b: Vector, distance: Distance, tolerance: number): boolean {
  if (a.length !== b.length) return false;
  const unit = (vector: Vector) => (distance === "Cosine" ? 1 / (length(vector) || 1) : 1);
  const [scaleA, scaleB] = [unit(a), unit(b)];
  let square = 0;
  for (let at = 0; at < a.length; at++) square += (a[at]! * scaleA - b[at]! * scaleB) ** 2;
  return Math.sqrt(square) <= tolerance * (distance === "Cosine" ? 1 : Math.max(length(b), 1e-30));
}

function length(vector: Vector): number {
  let square = 0;
  for (const x of vector) square += x * x;
  return Math.sqrt(square);
}

/** Keeps `size` of however many it is shown, each with the same chance (Vitter's algorithm R). */
export class Reservoir<T> {
  readonly items: T[] = [];
  readonly #size: number;
  readonly #rng: () => number;
  #shown = 0;

  constructor(size: number, rng: () => number) {
    this.#size = size;
    this.#rng = rng;
  }

  show(item: T): void {
    this.#shown++;
    if (this.items.length < this.#size) {
      this.items.push(item);
      return;
    }
    const at = Math.floor(this.#rng() * this.#shown);
    if (at < this.#size) this.items[at] = item;
  }
}
