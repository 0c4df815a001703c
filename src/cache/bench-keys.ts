import type { ClusterConfig } from "../config/schema.ts";
import type { RagctlError } from "../errors.ts";
import { seededRng, type Clock } from "../runtime.ts";
import { bulkWriter } from "./bulk/writer.ts";
import { unlinkKeys } from "./invalidate/server.ts";
import { openServers } from "./nodes.ts";

type Cached = Pick<ClusterConfig, "cache" | "name">;

const batch = 250;
/** Batches under way at once. */
const lanes = 4;

interface BenchKeys {
  keys: readonly string[];
  valueBytes: number;
  ttlMs: number;
  seed: number;
  clock: Clock;
}

/**
 * Writes a benchmark's keys, so that it measures a cache that is warm.
 * @returns how long it took, and why some were refused
 * @throws RagctlError exit 3 where the Redis does not answer
 */
export async function fillKeys(
  cluster: Cached,
  { keys, valueBytes, ttlMs, seed, clock }: BenchKeys,
): Promise<{ written: number; tookMs: number; failure: RagctlError | undefined }> {
  const { link } = await openServers(cluster, clock);
  const writer = bulkWriter(link, clock);
  const random = seededRng(seed);
  const value = Buffer.from(Uint8Array.from({ length: valueBytes }, () => Math.floor(random() * 256)));
  const startUs = clock.monotonicUs();
  try {
    let written = 0;
    let next = 0;
    let failure: RagctlError | undefined;
    const lane = async () => {
      while (next < keys.length && failure === undefined) {
        const part = keys.slice(next, (next += batch));
        const outcome = await writer.write(part.map((key) => ({ key, value, ttlMs })));
        written += outcome.written;
        failure ??= outcome.failures[0]?.error;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return { written, tookMs: (clock.monotonicUs() - startUs) / 1000, failure };
  } finally {
    writer.close();
    link.close();
  }
}

/** Removes them again; what cannot be reached ends by its TTL. @throws RagctlError exit 3 where the Redis does not answer */
export async function removeKeys(cluster: Cached, keys: readonly string[], clock: Clock): Promise<number> {
  const { link, servers } = await openServers(cluster, clock);
  try {
    const groups = Map.groupBy(keys, (key) => link.addressOf(key));
    let removed = 0;
    for (const [address, group] of groups) {
      const server = servers.find((each) => each.address === address) ?? servers[0]!;
      for (let from = 0; from < group.length; from += batch)
        removed += (await unlinkKeys(server, link, group.slice(from, from + batch))).unlinked;
    }
    return removed;
  } finally {
    link.close();
  }
}
