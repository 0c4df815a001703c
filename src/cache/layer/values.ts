import type { CacheKind, CacheLayerReport, ComputeOptions, SetOptions, Stored } from "../contract.ts";
import { jittered, type CacheSettings } from "../settings.ts";
import type { Clock, Rng } from "../../runtime.ts";
import { frame, unframe, type Frame } from "./frame.ts";
import type { Tiers } from "./tiers.ts";

/** A value that was found, or that there is known to be nothing. */
export interface Found extends Frame {
  from: "memory" | "redis";
}

type Lookup = { found: Found } | { found: undefined; wrongType: boolean };

/** Values in the tiers: framed or raw, compressed, checked. */
export interface Values {
  find(key: string, accepts?: ComputeOptions["accepts"]): Promise<Lookup>;
  /** @param value undefined: keep that there is nothing, for a short while */
  keep(kind: CacheKind, key: string, value: Buffer | undefined, options?: SetOptions & { memoryOnly?: boolean }): Promise<Stored>;
}

interface ValueDeps {
  tiers: Tiers;
  /** Where it is kept that there is nothing, when raw values cannot say so. */
  memory: Tiers;
  settings: CacheSettings;
  report: CacheLayerReport;
  clock: Clock;
  rng: Rng;
}

const nothingSuffix = "\0nothing";

export function values({ tiers, memory, settings, report, clock, rng }: ValueDeps): Values {
  const { format, compression, compressAboveBytes, ttlJitter } = settings;
  const raw = format === "raw";

  const poisoned: Lookup = { found: undefined, wrongType: false };
  return {
    async find(key, accepts) {
      if (raw && (await memory.get(key + nothingSuffix)).from === "memory")
        return { found: { value: undefined, from: "memory", computeUs: 0, expiresAtMs: 0 } };
      const held = await tiers.get(key);
      if (held.from === "nowhere") return { found: undefined, wrongType: held.wrongType };
      const said = unframe(held.bytes);
      if (said.kind === "poisoned" || (said.value !== undefined && accepts?.(said.value) === false)) {
        report.poisoned++;
        return poisoned;
      }
      if (said.kind === "foreign") return { found: { value: said.value, from: held.from, computeUs: 0, expiresAtMs: 0 } };
      // Redis ends its own entries; memory may have taken one over when it was nearly over.
      const over = held.from === "memory" && said.expiresAtMs !== 0 && said.expiresAtMs <= clock.nowMs();
      if (over) return { found: undefined, wrongType: false };
      return { found: { value: said.value, computeUs: said.computeUs, expiresAtMs: said.expiresAtMs, from: held.from } };
    },

    async keep(kind, key, value, { ttlMs, computeUs = 0, memoryOnly = false } = {}) {
      const ttl = ttlMs ?? jittered(value === undefined ? settings.negativeTtlMs : settings.ttlMs[kind], ttlJitter, rng());
      const compresses = value !== undefined && value.length > compressAboveBytes && !raw ? compression : "off";
      const framed = frame({ value, computeUs, expiresAtMs: clock.nowMs() + ttl }, compresses);
      if (value !== undefined && compresses !== "off") {
        report.compression.rawBytes += value.length;
        report.compression.storedBytes += framed.length;
      }
      if (raw && value === undefined) {
        await memory.set(key + nothingSuffix, { near: framed, far: undefined }, ttl);
        return { in: "memory" };
      }
      const far = memoryOnly ? undefined : raw ? value : framed;
      const placed = await tiers.set(key, { near: framed, far }, ttl);
      report.stored[placed.in === "redis" ? "redis" : "memoryOnly"]++;
      return placed;
    },
  };
}
