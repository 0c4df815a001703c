import type { EmbedderConfig } from "../config/schema.ts";
import type { Clock, Rng } from "../runtime.ts";
import type { Embedder } from "./contract.ts";

export interface EmbedderDeps {
  clock: Clock;
  /** Spreads retries of many clients; without it they keep to the plain backoff. */
  rng?: Rng;
}

type Build<D extends EmbedderConfig["driver"]> = (
  config: Extract<EmbedderConfig, { driver: D }>,
  deps: EmbedderDeps,
) => Promise<Embedder>;

/** Every embedder there is, loaded on demand. */
const embedders = {
  hashing: async ({ dim }) => (await import("./hashing.ts")).hashingEmbedder(dim),
  openai: async (config, deps) => (await import("./openai.ts")).openaiEmbedder(config, deps),
} as const satisfies { [D in EmbedderConfig["driver"]]: Build<D> };

/** The embedder of a cluster's config; feature hashing into 384 dims where it names none. Close it when done. */
export async function createEmbedder(config: EmbedderConfig | undefined, deps: EmbedderDeps): Promise<Embedder> {
  if (config?.driver === "openai") return await embedders.openai(config, deps);
  return await embedders.hashing(config ?? { driver: "hashing", dim: 384 });
}
