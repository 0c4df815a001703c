import { createHash } from "node:crypto";

/** 64 bits of an id, never zero. Two of ten million ids share one with a chance of 3 in a million. */
export function digestOf(id: string): bigint {
  return createHash("sha256").update(id).digest().readBigUInt64LE() || 1n;
}

/** Which document ids a run has met, at 8 to 16 bytes each however long they are: an open-addressing table of their digests. */
export class SeenIds {
  #slots = new BigUint64Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False where it was there already. */
  add(id: string): boolean {
    return this.addDigest(digestOf(id));
  }

  addDigest(digest: bigint): boolean {
    // Zero marks an empty slot.
    if (this.#size * 4 >= this.#slots.length * 3) this.#grow();
    const slot = place(this.#slots, digest);
    if (this.#slots[slot] === digest) return false;
    this.#slots[slot] = digest;
    this.#size++;
    return true;
  }

  has(id: string): boolean {
    const digest = digestOf(id);
    return this.#slots[place(this.#slots, digest)] === digest;
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    for (const digest of this.#slots) if (digest !== 0n) larger[place(larger, digest)] = digest;
    this.#slots = larger;
  }
}

/** Its slot, or the empty one where it would go. Lengths are powers of two. */
function place(slots: BigUint64Array, digest: bigint): number {
  let slot = Number(digest & BigInt(slots.length - 1));
  while (slots[slot] !== 0n && slots[slot] !== digest) slot = (slot + 1) % slots.length;
  return slot;
}
