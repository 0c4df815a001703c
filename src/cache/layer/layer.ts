import { randomUUID } from "node:crypto";
import type { Clock, Rng } from "../../runtime.ts";
import type {
  CacheAnswer,
  CacheKind,
  CacheLayer,
  CacheLayerReport,
  CacheStore,
  ComputeOptions,
  MemoryOnly,
} from "../contract.ts";
import type { PopularityRecorder } from "../popularity/contract.ts";
import type { CacheSettings } from "../settings.ts";
import { refreshesEarly } from "./early.ts";
import { farTier, type FarStore } from "./far.ts";
import { flights } from "./flight.ts";
import { tiers } from "./tiers.ts";
import { values, type Found } from "./values.ts";

export interface LayerParts {
  settings: CacheSettings;
  near: CacheStore;
  /** Absent: memory is all there is. */
  far: FarStore | undefined;
  /** Memory answers before Redis; else it stands by. */
  nearFirst: boolean;
  popularity: PopularityRecorder;
  clock: Clock;
  rng: Rng;
  /** Told when a Redis is left alone, and again (with `untilMs`) when it is well. */
  onMemoryOnly?: ((episode: MemoryOnly) => void) | undefined;
}

type Compute = () => Promise<Buffer | undefined>;

/** The layer over its parts; `index.ts` builds them of a config. */
export function cacheLayer(parts: LayerParts): CacheLayer {
  const { settings, near, popularity, clock, rng, nearFirst, onMemoryOnly } = parts;
  const { namespace, templates } = settings;
  const report = emptyReport();
  const far = parts.far && {
    store: parts.far,
    tier: farTier({ clock, addressOf: parts.far.addressOf, holdsKeys: parts.far.holdsKeys, onMemoryOnly }),
  };
  const longestMs = Math.max(...Object.values(settings.ttlMs));
  const held = values({
    tiers: tiers({ near, far, nearFirst, nearTtlMs: nearFirst ? settings.nearTtlMs : longestMs }),
    memory: tiers({ near, nearFirst: true, nearTtlMs: longestMs }),
    settings,
    report,
    clock,
    rng,
  });
  // Not of the seeded rng: two processes with one seed would open each other's locks.
  const locks = flights({ clock, far, lockMs: settings.lockMs, token: randomUUID });
  /** Who asks for a key while it is being looked up or computed waits for the one who began. */
  const underWay = new Map<string, Promise<CacheAnswer>>();
  const refreshing = new Map<string, Promise<void>>();

  const keyOf = (kind: CacheKind, query: string) => templates[kind].keyOf({ namespace, query });

  function hit(found: Pick<Found, "value" | "from">): CacheAnswer {
    report.hits[found.from]++;
    if (found.value === undefined) report.hits.negative++;
    return { value: found.value, from: found.from };
  }

  async function compute(kind: CacheKind, key: string, make: Compute, options: ComputeOptions, memoryOnly: boolean) {
    const startUs = clock.monotonicUs();
    report.computed++;
    let value: Buffer | undefined;
    try {
      value = await make();
    } catch (error) {
      report.computeFailures++;
      throw error;
    }
    const computeUs = options.computeUs ?? clock.monotonicUs() - startUs;
    await held.keep(kind, key, value, { ...options, computeUs, memoryOnly });
    return value;
  }

  async function fly(kind: CacheKind, key: string, make: Compute, options: ComputeOptions): Promise<CacheAnswer> {
    const first = await held.find(key, options.accepts);
    if (first.found) {
      const { found } = first;
      const { computeUs, expiresAtMs } = found;
      const times = { nowMs: clock.nowMs(), expiresAtMs, computeMs: computeUs / 1000 };
      if (found.value !== undefined && refreshesEarly(times, settings.earlyRefresh, rng())) refresh(kind, key, make, options);
      return hit(found);
    }
    report.misses++;
    if (first.wrongType) return { value: await compute(kind, key, make, options, true), from: "computed" };
    const turn = await locks.take(key, async () => (await held.find(key, options.accepts)).found);
    if ("landed" in turn) {
      report.shared.elsewhere++;
      return { value: turn.landed.value, from: "shared" };
    }
    try {
      return { value: await compute(kind, key, make, options, false), from: "computed" };
    } finally {
      await turn.free();
    }
  }

  /** In the background, once, by whichever process comes first; what fails is tried by the next reader. */
  function refresh(kind: CacheKind, key: string, make: Compute, options: ComputeOptions): void {
    if (refreshing.has(key)) return;
    const run = async () => {
      const release = await locks.tryTake(key);
      if (!release) return;
      report.earlyRefreshes++;
      await compute(kind, key, make, options, false).catch(() => {});
      await release();
    };
    refreshing.set(
      key,
      run()
        .catch(() => {})
        .finally(() => refreshing.delete(key)),
    );
  }

  return {
    namespace,
    keyOf,
    async get(kind, query) {
      report.lookups++;
      const { found } = await held.find(keyOf(kind, query));
      if (found) return hit(found);
      report.misses++;
      return undefined;
    },
    set: (kind, query, value, options) => held.keep(kind, keyOf(kind, query), value, options),
    async getOrCompute(kind, query, make, options = {}) {
      popularity.record(query);
      report.lookups++;
      const key = keyOf(kind, query);
      const running = underWay.get(key);
      if (running) {
        const { value, from } = await running;
        if (from === "memory" || from === "redis") return hit({ value, from });
        report.shared.here++;
        return { value, from: "shared" };
      }
      const flight = fly(kind, key, make, options).finally(() => underWay.delete(key));
      underWay.set(key, flight);
      return await flight;
    },
    onMemoryOnly: (kind, query) => far?.tier.leftAlone(keyOf(kind, query)) ?? false,
    report: () => ({
      ...structuredClone(report),
      wrongType: far?.tier.counts.wrongType ?? 0,
      redisFailures: far?.tier.counts.failures ?? 0,
      withoutRedis: far?.tier.counts.skipped ?? 0,
      memoryOnly: structuredClone([...(far?.tier.episodes() ?? [])]),
    }),
    async close() {
      await Promise.all(refreshing.values());
      await popularity.close();
      await Promise.all([near.close(), parts.far?.close()]);
    },
  };
}

function emptyReport(): CacheLayerReport {
  return {
    lookups: 0,
    hits: { memory: 0, redis: 0, negative: 0 },
    misses: 0,
    computed: 0,
    computeFailures: 0,
    shared: { here: 0, elsewhere: 0 },
    earlyRefreshes: 0,
    stored: { redis: 0, memoryOnly: 0 },
    poisoned: 0,
    wrongType: 0,
    redisFailures: 0,
    withoutRedis: 0,
    memoryOnly: [],
    compression: { rawBytes: 0, storedBytes: 0 },
  };
}
