import { hash as digestOf } from "node:crypto";
import xxhash from "xxhash-wasm";
import type { HashName } from "./table.ts";

/** A hash of text as an unsigned 32-bit integer. */
export type Hash32 = (text: string) => number;

let xxh32: Hash32 | undefined;

/** Compiles the WebAssembly of the default hash, once a process. Everything that places keys calls it before; afterwards hashing is synchronous. */
export async function loadHashes(): Promise<void> {
  if (xxh32) return;
  const hashes = await xxhash();
  xxh32 = (text) => hashes.h32(text, 0);
}

/**
 * The 32-bit hash of that name. `xxh32` (seed 0) is the default; `md5-32` is the MD5 digest, read as a big-endian
 * integer, mod 2^32, as Python's `int(md5(key).hexdigest(), 16) % 2**32` is.
 * @throws Error where `loadHashes` was not awaited, or for `md5-128`, which has no 32-bit form
 */
export function hash32(name: HashName): Hash32 {
  if (name === "md5-32") return md5Low32;
  if (name === "md5-128") throw new Error("md5-128 does not fit 32 bits: use hash128");
  if (!xxh32) throw new Error("loadHashes() must be awaited before a key is hashed");
  return xxh32;
}

function md5Low32(text: string): number {
  // Hexadecimal costs less than a Buffer of its own.
  return Number.parseInt(digestOf("md5", text, "hex").slice(24), 16);
}

/** The whole MD5 digest as an integer below 2^128: `int(md5(key).hexdigest(), 16)`. */
export function md5Whole(text: string): bigint {
  return BigInt(`0x${digestOf("md5", text, "hex")}`);
}
