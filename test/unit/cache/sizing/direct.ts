/** Caches written the plain way, to check the others against. */
export interface DirectOptions {
  /** Entries, or bytes where `bytes` is given. */
  size: number;
  bytes?: (key: number) => number;
  ttlUs?: number;
  timeUs?: (at: number) => number;
}

/** Misses of an LRU cache over a trace: a Map in order of use. */
export function directLruMisses(
  trace: ArrayLike<number>,
  { size, bytes, ttlUs = Infinity, timeUs = () => 0 }: DirectOptions,
): boolean[] {
  const cache = new Map<number, { weight: number; storedUs: number }>();
  let used = 0;
  return Array.from(trace, (key, at) => {
    const weight = bytes?.(key) ?? 1;
    const held = cache.get(key);
    if (held) {
      cache.delete(key);
      used -= held.weight;
    }
    if (held && timeUs(at) - held.storedUs < ttlUs) {
      cache.set(key, held);
      used += held.weight;
      return false;
    }
    if (weight > size) return true;
    for (const [oldest, entry] of cache) {
      if (used + weight <= size) break;
      cache.delete(oldest);
      used -= entry.weight;
    }
    cache.set(key, { weight, storedUs: timeUs(at) });
    used += weight;
    return true;
  });
}

/** Misses of an LFU cache: the least used goes, of several the one that was used longest ago; found by looking at all of them. */
export function directLfuMisses(trace: ArrayLike<number>, size: number): boolean[] {
  const cache = new Map<number, { uses: number; at: number }>();
  return Array.from(trace, (key, at) => {
    const held = cache.get(key);
    if (held) {
      held.uses++;
      held.at = at;
      return false;
    }
    if (cache.size >= size) {
      const [victim] = [...cache].reduce((worst, each) =>
        each[1].uses < worst[1].uses || (each[1].uses === worst[1].uses && each[1].at < worst[1].at) ? each : worst,
      );
      cache.delete(victim);
    }
    cache.set(key, { uses: 1, at });
    return true;
  });
}

export function share(misses: readonly boolean[]): number {
  return misses.filter(Boolean).length / misses.length;
}
