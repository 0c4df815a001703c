/** Vectors that were paid for, by the hash of what they are of. All of it may fail: then it is asked for again. */
export interface VectorMemo {
  /** In the order of the keys; undefined where it has none. */
  get(keys: readonly string[]): Promise<(Float32Array | undefined)[]>;
  put(entries: readonly (readonly [key: string, vector: Float32Array])[]): Promise<void>;
  close(): Promise<void>;
}
