import { openCache } from "../../cache/index.ts";
import { openLayer } from "../../cache/open-layer.ts";
import { seededRng } from "../../runtime.ts";
import type { CacheOperationSpec, Operation, Ticket } from "../contract.ts";
import { chooser } from "../feeds/choice.ts";
import type { OperationDeps } from "./deps.ts";
import { causeOf } from "./failure.ts";
import { memoryOnlyEvent } from "./memory-only-event.ts";

/**
 * Gets by key through the cluster's cache. A miss is a good answer, counted apart (`hit`, `miss`); with `fill` it is followed by a set, as an application would,
 * outside the measured time. A share of the operations may be plain sets (`write`). With `standBy`, what memory alone answers while Redis fails is `memory-hit`, `memory-miss`,
 * `memory-write`, and each episode of it is told as a client event. Where other zones have caches, one of those answers instead.
 */
export async function cacheOperation(spec: CacheOperationSpec, deps: OperationDeps): Promise<Operation> {
  const { nowUs, seed } = deps;
  const cache = await (spec.standBy ? acrossZones(spec, deps) : direct(spec, deps));
  const choose = chooser(spec.choice, spec.keys, seed);
  const chance = chooser({ kind: "uniform" }, 1_000_000, seed + 1);
  const random = seededRng(seed);
  const value = Buffer.from(Uint8Array.from({ length: spec.valueBytes }, () => Math.floor(random() * 256)));
  return {
    start(ticket) {
      const item = choose(ticket.index);
      const settled = (outcome: string) => {
        ticket.cache = outcome;
        ticket.settle(nowUs(), undefined);
      };
      const failed = failedOn(ticket, nowUs);
      ticket.sentUs = nowUs();
      if (chance(ticket.index) < spec.writes * 1_000_000) {
        cache.set(item, value).then(settled, failed);
        return;
      }
      cache.get(item).then((outcome) => {
        settled(outcome);
        // What fails here shows as the next miss.
        if (spec.fill && outcome.endsWith("miss")) cache.set(item, value).catch(() => {});
      }, failed);
    },
    drain: () => cache.drain(),
    close: () => cache.close(),
  };
}

/** What an operation asks of a cache; both tell the outcome. */
interface Asked {
  get(item: number): Promise<string>;
  set(item: number, value: Buffer): Promise<string>;
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** The cache itself: what fails is an error. */
async function direct({ cache: config, tag, ttlMs }: CacheOperationSpec, { clock }: OperationDeps): Promise<Asked> {
  const cache = await openCache(config, { clock });
  const keyOf = (item: number) => `load:${tag}:${item}`;
  return {
    get: async (item) => ((await cache.get(keyOf(item))) === undefined ? "miss" : "hit"),
    async set(item, value) {
      await cache.set(keyOf(item), value, ttlMs);
      return "write";
    },
    drain: async () => {},
    close: () => cache.close(),
  };
}

interface Layered extends Asked {
  /** Its Redis failed a moment ago: memory answers. */
  isAway(item: number): boolean;
}

/** The cache of the zone, and while that does not answer, another zone's: what its own process remembers is no cache of a zone. */
async function acrossZones(spec: CacheOperationSpec, deps: OperationDeps): Promise<Asked> {
  const caches: Layered[] = [];
  for (const cache of [spec.cache, ...(spec.elsewhere ?? [])]) caches.push(await layered({ ...spec, cache }, deps));
  const inTurn = async (item: number, ask: (cache: Layered) => Promise<string>) => {
    let outcome = "";
    for (const cache of caches) {
      outcome = await ask(cache);
      if (!cache.isAway(item)) break;
    }
    return outcome;
  };
  return {
    get: (item) => inTurn(item, (cache) => cache.get(item)),
    set: (item, value) => inTurn(item, (cache) => cache.set(item, value)),
    drain: async () => void (await Promise.all(caches.map((cache) => cache.drain()))),
    close: async () => void (await Promise.all(caches.map((cache) => cache.close()))),
  };
}

/** The cache as an application has it, under the same keys. Values as they are: packing them would be measured, too. */
async function layered({ cache: config, tag, ttlMs }: CacheOperationSpec, deps: OperationDeps): Promise<Layered> {
  const { clock, rng, purpose, onClientEvent } = deps;
  const cache = { ...config, keys: { result: `load:${tag}:{query}` }, format: "raw" as const, compression: "off" as const };
  const layer = await openLayer({ cache }, { clock, rng, onMemoryOnly: memoryOnlyEvent(purpose, onClientEvent) });
  const told = (outcome: "hit" | "miss" | "write", memoryOnly: boolean) => (memoryOnly ? `memory-${outcome}` : outcome);
  return {
    isAway: (item) => layer.onMemoryOnly("result", String(item)),
    async get(item) {
      const query = String(item);
      const found = await layer.get("result", query);
      return told(found ? "hit" : "miss", found?.from !== "redis" && layer.onMemoryOnly("result", query));
    },
    async set(item, value) {
      const stored = await layer.set("result", String(item), value, { ttlMs });
      return told("write", stored.reason !== undefined);
    },
    async drain() {
      // Asking ends the episodes of servers whose place others have taken.
      layer.report();
    },
    close: () => layer.close(),
  };
}

function failedOn(ticket: Ticket, nowUs: () => number): (error: unknown) => void {
  return (error) => ticket.settle(nowUs(), causeOf(error));
}
