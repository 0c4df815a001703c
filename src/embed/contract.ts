/** What turns texts into vectors. */
export interface Embedder {
  /**
   * What made a vector: changes whenever the same text would get another vector, so that caches and collections never
   * mix two of them: `hashing-384-v1`, `openai:bge-small-en`.
   */
  readonly name: string;
  readonly dim: number;
  /**
   * One vector of `dim` finite numbers a text, in the order of the texts.
   * @throws RagctlError `embed-empty-text` where a text is blank; for a remote embedder `embedder-unreachable` and
   * `embedder-denied` (nothing that is tried now would work), `embedder-refused` (these texts, not others) and
   * `embedder-answer` (it answered, and not with usable vectors). Rejects with the signal's reason on abort.
   */
  embed(texts: readonly string[], options?: { signal?: AbortSignal }): Promise<Float32Array[]>;
  /** Present where vectors are remembered: how many were made so far, and how many were known. */
  usage?(): { made: number; remembered: number };
  close(): Promise<void>;
}
