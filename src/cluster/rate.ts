import { ExitCode, RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { ClusterClient } from "./contract.ts";
import { newBucket, takeTokens } from "./token-bucket.ts";

/**
 * The same client, refusing operations beyond a rate instead of queueing them: whoever is refused knows at once, and the others are
 * not slowed down. A second's worth may come at once. Every read and write is one operation, a scroll as well.
 */
export function withRate(client: ClusterClient, ratePerSec: number, clock: Clock): ClusterClient {
  const bucket = newBucket(ratePerSec, Math.max(1, ratePerSec), clock.monotonicUs());
  const admit = (): void => {
    if (takeTokens(bucket, clock.monotonicUs())) return;
    throw new RagctlError(`Refused: more than ${ratePerSec} operations a second, which routing.maxRate allows.`, {
      code: "overload",
      exitCode: ExitCode.refused,
      hint: "Send less, or raise routing.maxRate.",
    });
  };
  return {
    ...client,
    async search(search, options) {
      admit();
      return await client.search(search, options);
    },
    async fetch(collection, keys, options) {
      admit();
      return await client.fetch(collection, keys, options);
    },
    async count(collection, filter, options) {
      admit();
      return await client.count(collection, filter, options);
    },
    async *scroll(collection, options) {
      admit();
      yield* client.scroll(collection, options);
    },
    async upsert(collection, records, options) {
      admit();
      return await client.upsert(collection, records, options);
    },
    async delete(collection, keys, options) {
      admit();
      return await client.delete(collection, keys, options);
    },
  };
}
