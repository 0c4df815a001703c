import { createHash } from "node:crypto";
import type { Embedder } from "../contract.ts";
import type { VectorMemo } from "./contract.ts";

/**
 * An embedder that remembers: a text that was embedded before, by any run that shares the memo, is not asked for again, nor
 * is one that stands twice in what is asked, or is on its way already. A memo that fails is said once, and done without.
 */
export function rememberingEmbedder(inner: Embedder, memo: VectorMemo, warn: (text: string) => void): Embedder {
  /** On their way, by key. */
  const pending = new Map<string, Promise<Float32Array>>();
  const usage = { made: 0, remembered: 0 };
  let complained = false;
  const complain = (error: unknown) => {
    if (!complained) warn(`the cache of embeddings cannot be used (${(error as Error).message}); texts are embedded anew`);
    complained = true;
  };

  async function known(keys: readonly string[]): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>();
    try {
      const vectors = await memo.get(keys);
      for (const [at, vector] of vectors.entries()) if (vector?.length === inner.dim) found.set(keys[at]!, vector);
    } catch (error) {
      complain(error);
    }
    return found;
  }

  /** Embeds what nobody has; whoever asks for the same meanwhile waits for the same answer. */
  async function make(texts: ReadonlyMap<string, string>, signal: AbortSignal | undefined): Promise<Map<string, Float32Array>> {
    const made = new Map<string, Float32Array>();
    if (texts.size === 0) return made;
    const answer = inner.embed([...texts.values()], signal ? { signal } : {});
    for (const [at, key] of [...texts.keys()].entries()) {
      const one = answer.then((vectors) => vectors[at]!);
      // Whoever waits for it is told; where nobody does, the one who asked is.
      one.catch(() => undefined);
      pending.set(key, one);
    }
    try {
      const vectors = await answer;
      for (const [at, key] of [...texts.keys()].entries()) made.set(key, vectors[at]!);
      usage.made += made.size;
      await memo.put([...made]).catch(complain);
    } finally {
      for (const key of texts.keys()) pending.delete(key);
    }
    return made;
  }

  return {
    name: inner.name,
    dim: inner.dim,
    usage: () => ({ ...usage }),
    async embed(texts, { signal } = {}) {
      const keys = texts.map((text) => keyOf(inner, text));
      const wanted = new Map(keys.map((key, at) => [key, texts[at]!]));
      const have = await known([...wanted.keys()]);
      signal?.throwIfAborted();
      const waited: (readonly [string, Promise<Float32Array>])[] = [];
      const missing = new Map<string, string>();
      for (const [key, text] of wanted) {
        if (have.has(key)) continue;
        const coming = pending.get(key);
        if (coming) waited.push([key, coming]);
        else missing.set(key, text);
      }
      usage.remembered += keys.length - missing.size;
      for (const [key, vector] of await make(missing, signal)) have.set(key, vector);
      for (const [key, coming] of waited) {
        // What failed for another, with other texts beside it, may do well alone.
        const vector = await coming.catch(() => undefined);
        have.set(key, vector ?? (await make(new Map([[key, wanted.get(key)!]]), signal)).get(key)!);
      }
      return keys.map((key) => have.get(key)!);
    },
    async close() {
      await inner.close();
      await memo.close().catch(complain);
    },
  };
}

/** Of the text, and of what would make its vector. */
function keyOf({ name, dim }: Embedder, text: string): string {
  return createHash("sha256")
    .update(JSON.stringify([name, dim, text]))
    .digest("base64url");
}

/** A vector as bytes, little-endian on every machine that Node runs on. */
export function toBytes(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** Undefined where the bytes are no vector. */
export function fromBytes(bytes: Uint8Array | null | undefined): Float32Array | undefined {
  if (!bytes || bytes.byteLength === 0 || bytes.byteLength % 4 !== 0) return undefined;
  return new Float32Array(new Uint8Array(bytes).buffer);
}
