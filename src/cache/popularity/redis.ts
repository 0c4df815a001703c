import { hash } from "node:crypto";
import type { Clock } from "../../runtime.ts";
import { RagctlError } from "../../errors.ts";
import { normalizeQuery } from "../keys.ts";
import type { RedisLink } from "../redis-link.ts";
import type { PopularityReader, PopularityRecorder } from "./contract.ts";
import { weightAt } from "./decay.ts";
import { longestQueryChars } from "./memory.ts";
import { addCounts } from "./redis-script.ts";
import { SpaceSaving } from "./space-saving.ts";

interface RedisPopularityOptions {
  link: Pick<RedisLink, "client" | "ask">;
  /** Without corpus version: what was asked of the old index is what the new one is warmed with. */
  base: string;
  keep: number;
  halfLifeMs: number;
  clock: Clock;
}

const flushEveryMs = 2000;
const flushAtReferences = 5000;
/** Questions of one call of the script: Redis answers nobody meanwhile. */
const batch = 250;

/** The four keys, in one slot of a cluster by their tag. */
export function popularityKeys(base: string): { counts: string; errors: string; texts: string; meta: string } {
  const key = (part: string) => `{${base}:popular}:${part}`;
  return { counts: key("counts"), errors: key("errors"), texts: key("texts"), meta: key("meta") };
}

/**
 * What all processes were asked, in Redis. This process counts by itself and adds its counts every two seconds; while Redis fails they wait, the rarest giving way.
 */
export function redisPopularity({
  link,
  base,
  keep,
  halfLifeMs,
  clock,
}: RedisPopularityOptions): PopularityRecorder & PopularityReader {
  const { client, ask } = link;
  const keys = popularityKeys(base);
  const names = [keys.counts, keys.errors, keys.texts, keys.meta];
  let pending = new SpaceSaving(keep);
  let pendingSinceMs = clock.nowMs();
  let flushing: Promise<void> | undefined;
  let problem: string | undefined;

  async function send(counted: SpaceSaving): Promise<void> {
    const questions = counted.top(keep);
    for (let from = 0; from < questions.length; from += batch) {
      const part = questions.slice(from, from + batch);
      const references = from === 0 ? counted.references : 0;
      const args = part.flatMap(({ key, count, error }) => [hash("sha256", key, "hex"), count, error, key]);
      try {
        await ask(() => client.eval(addCounts, names.length, ...names, clock.nowMs(), halfLifeMs, keep, references, ...args));
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        problem = error.message;
        const unsent = new SpaceSaving(keep);
        for (const { key, count } of questions.slice(from)) unsent.add(key, count);
        unsent.references = from === 0 ? counted.references : 0;
        pending.merge(unsent);
        return;
      }
    }
    problem = undefined;
  }

  function flush(): Promise<void> {
    flushing ??= (async () => {
      const counted = pending;
      pending = new SpaceSaving(keep);
      pendingSinceMs = clock.nowMs();
      if (counted.references > 0) await send(counted);
    })().finally(() => (flushing = undefined));
    return flushing;
  }

  return {
    record(query, weight = 1) {
      if (query.length > longestQueryChars) return;
      pending.add(normalizeQuery(query), weight);
      const due = pending.references >= flushAtReferences || clock.nowMs() - pendingSinceMs >= flushEveryMs;
      if (due && !flushing) flush().catch((error: unknown) => (problem = String(error)));
    },
    flush,
    problem: () => problem,
    async close() {
      await flushing;
      await flush();
    },
    async top(limit) {
      if (limit < 1) return { queries: [], references: 0 };
      const [landmark, lasting, references] = await ask(() => client.hmget(keys.meta, "landmark", "halfLife", "references"));
      if (!landmark) return { queries: [], references: 0 };
      const ranked = await ask(() => client.zrevrange(keys.counts, 0, limit - 1, "WITHSCORES"));
      const digests = ranked.filter((_, at) => at % 2 === 0);
      if (digests.length === 0) return { queries: [], references: 0 };
      const [texts, errors] = await Promise.all([
        ask(() => client.hmget(keys.texts, ...digests)),
        ask(() => client.zmscore(keys.errors, ...digests)),
      ]);
      const now = weightAt(clock.nowMs(), Number(landmark), Number(lasting));
      const queries = digests.flatMap((_, at) => {
        const query = texts[at];
        // It gave way between the two questions.
        if (query === null || query === undefined) return [];
        return [{ query, count: Number(ranked[2 * at + 1]) / now, error: Number(errors[at] ?? 0) / now }];
      });
      return { queries, references: Number(references ?? 0) / now };
    },
    async textsOf(digests) {
      if (digests.length === 0) return new Map();
      const texts = await ask(() => client.hmget(keys.texts, ...digests));
      return new Map(digests.flatMap((digest, at) => (texts[at] ? [[digest, texts[at]] as const] : [])));
    },
  };
}
