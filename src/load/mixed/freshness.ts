import type { ClusterClient } from "../../cluster/contract.ts";
import type { Clock } from "../../runtime.ts";
import type { Vector } from "../../stores/contract.ts";

export interface FreshnessOptions {
  client: ClusterClient;
  collection: string;
  clock: Clock;
  nowUs: () => number;
  timeoutMs: number;
  /** Between two looks. */
  everyUs: number;
  /** After which it counts as never found. */
  giveUpUs: number;
  /** Writes that are looked for at a time; those beyond are not, or the probes would become the load. */
  atOnce: number;
}

/**
 * Measures freshness: the time from a write's acknowledgement until a search finds the point. It searches for the very vector, among points with this id alone, so that it
 * is visibility that counts, not rank. The end of the search that found it is the end: at best, freshness is one search's time.
 */
export class FreshnessProber {
  readonly #options: FreshnessOptions;
  readonly #over = new AbortController();
  readonly #probes = new Set<Promise<void>>();

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  /** @param found called once with the µs; Infinity where it was given up; not at all where the run ended before or too many are looked for */
  look(id: string, vector: Vector, ackedUs: number, found: (us: number) => void): void {
    if (this.#probes.size >= this.#options.atOnce) return;
    const probe: Promise<void> = this.#probe(id, vector, ackedUs, found).finally(() => this.#probes.delete(probe));
    this.#probes.add(probe);
  }

  /** Waits for the probes under way. */
  async drain(signal: AbortSignal): Promise<void> {
    const cut = () => this.#over.abort();
    signal.addEventListener("abort", cut, { once: true });
    if (signal.aborted) cut();
    while (this.#probes.size > 0) await Promise.all(this.#probes);
  }

  async #probe(id: string, vector: Vector, ackedUs: number, found: (us: number) => void): Promise<void> {
    const { client, collection, clock, nowUs, timeoutMs, everyUs, giveUpUs } = this.#options;
    const search = client.prepareSearch(collection, vector, { k: 1, filter: { must: [{ has_id: [id] }] } });
    const { signal } = this.#over;
    while (!signal.aborted) {
      // A search that fails finds nothing, and is asked again.
      const hits = await client.search(search, { timeoutMs, signal }).then(
        (result) => result.hits,
        () => [],
      );
      const tookUs = nowUs() - ackedUs;
      if (hits.some((hit) => String(hit.id) === id)) return found(tookUs);
      if (tookUs > giveUpUs) return found(Number.POSITIVE_INFINITY);
      await clock.sleep(everyUs / 1000, signal).catch(() => {});
    }
  }
}
