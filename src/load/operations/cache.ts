import { openCache } from "../../cache/index.ts";
import { seededRng } from "../../runtime.ts";
import type { CacheOperationSpec, Operation, Ticket } from "../contract.ts";
import { chooser } from "../feeds/choice.ts";
import type { OperationDeps } from "./deps.ts";
import { causeOf } from "./failure.ts";

/**
 * Gets by key through the cluster's cache. A miss is a good answer, counted apart (`hit`, `miss`); with `fill` it is followed by a set, as an application would,
 * outside the measured time. A share of the operations may be plain sets (`write`).
 */
export async function cacheOperation(spec: CacheOperationSpec, deps: OperationDeps): Promise<Operation> {
  const { clock, nowUs, seed } = deps;
  const cache = await openCache(spec.cache, { clock });
  const choose = chooser(spec.choice, spec.keys, seed);
  const chance = chooser({ kind: "uniform" }, 1_000_000, seed + 1);
  const random = seededRng(seed);
  const value = Buffer.from(Uint8Array.from({ length: spec.valueBytes }, () => Math.floor(random() * 256)));
  const keyOf = (item: number) => `load:${spec.tag}:${item}`;
  const failed = (ticket: Ticket) => (error: unknown) => ticket.settle(nowUs(), causeOf(error));
  return {
    start(ticket) {
      const key = keyOf(choose(ticket.index));
      ticket.sentUs = nowUs();
      if (chance(ticket.index) < spec.writes * 1_000_000) {
        cache.set(key, value, spec.ttlMs).then(() => {
          ticket.cache = "write";
          ticket.settle(nowUs(), undefined);
        }, failed(ticket));
        return;
      }
      cache.get(key).then((found) => {
        ticket.cache = found === undefined ? "miss" : "hit";
        ticket.settle(nowUs(), undefined);
        // What fails here shows as the next miss.
        if (found === undefined && spec.fill) cache.set(key, value, spec.ttlMs).catch(() => {});
      }, failed(ticket));
    },
    close: () => cache.close(),
  };
}
