/**
 * A memory cache in each server against one Redis that all share, and against both: what is gained, and what it costs.
 *
 *   node bench/cache-placement.ts [--servers 3] [--rate 1000/m] [--hours 2] [--queries 20000] [--exponent 1] [--ttl 1h] [--value 4KiB]
 *                                 [--memory 64MiB] [--backend 350ms] [--redis 0.6ms] [--local 20us]
 *                                 [--call-price 0.002] [--redis-price 12] [--memory-price 4] [--seed 1]
 *
 * Time is simulated, so that hours of traffic take seconds, and nothing depends on this machine: arrivals are Poisson, each goes to a server by chance, queries follow Zipf's law, and a miss takes an
 * exponential time around --backend, at the end of which its answer is stored. The caches are ragctl's own (LRU by bytes, TTL less up to 10 %), at the simulation's
 * clock. --memory is that of one server; the Redis gets as much as all servers together, so that both pay for the same bytes. --redis is its round trip.
 * Prices: of a backend call; of Redis and of server memory a GiB a month.
 */
import { parseArgs } from "node:util";
import type { CacheStore } from "../src/cache/contract.ts";
import { memoryCache } from "../src/cache/memory.ts";
import { rowChoice } from "../src/datasets/choice.ts";
import { makeStyle } from "../src/report/style.ts";
import { table } from "../src/report/table.ts";
import { seededRng, type Clock } from "../src/runtime.ts";
import {
  formatCount,
  formatDurationMs,
  formatPercent,
  parseDurationMs,
  parseRatePerSec,
  parseSizeBytes,
  plural,
} from "../src/units.ts";

const { values } = parseArgs({
  options: {
    servers: { type: "string", default: "3" },
    rate: { type: "string", default: "1000/m" },
    hours: { type: "string", default: "2" },
    queries: { type: "string", default: "20000" },
    exponent: { type: "string", default: "1" },
    ttl: { type: "string", default: "1h" },
    value: { type: "string", default: "4KiB" },
    memory: { type: "string", default: "64MiB" },
    backend: { type: "string", default: "350ms" },
    redis: { type: "string", default: "600us" },
    local: { type: "string", default: "20us" },
    "call-price": { type: "string", default: "0.002" },
    "redis-price": { type: "string", default: "12" },
    "memory-price": { type: "string", default: "4" },
    seed: { type: "string", default: "1" },
  },
});
const servers = Number(values.servers);
const ratePerSec = parseRatePerSec(values.rate);
const hours = Number(values.hours);
const memoryBytes = parseSizeBytes(values.memory);
const times = {
  local: parseDurationMs(values.local),
  redis: parseDurationMs(values.redis),
  backend: parseDurationMs(values.backend),
};
const gib = 2 ** 30;

/** How a design looks a key up: the tiers that a server asks, nearest first, each with the time that asking takes. */
interface Design {
  name: string;
  tiersOf: (server: number) => readonly { store: CacheStore; ms: number; ttlMs: number }[];
  memoryPrice: number;
}

let nowMs = 0;
const clock: Clock = {
  nowMs: () => nowMs,
  monotonicUs: () => nowMs * 1000,
  sleep: () => Promise.reject(new Error("nobody sleeps")),
};
const ttlMs = parseDurationMs(values.ttl);

function designs(): Design[] {
  const memories = () => Array.from({ length: servers }, () => memoryCache({ maxBytes: memoryBytes, clock }));
  const redis = () => memoryCache({ maxBytes: memoryBytes * servers, clock });
  const serverPrice = (Number(values["memory-price"]) * memoryBytes * servers) / gib;
  const redisPrice = (Number(values["redis-price"]) * memoryBytes * servers) / gib;
  const [own, shared, near, far] = [memories(), redis(), memories(), redis()];
  return [
    {
      name: "memory in each server",
      tiersOf: (server) => [{ store: own[server]!, ms: times.local, ttlMs }],
      memoryPrice: serverPrice,
    },
    { name: "one shared Redis", tiersOf: () => [{ store: shared, ms: times.redis, ttlMs }], memoryPrice: redisPrice },
    {
      name: "memory before Redis",
      tiersOf: (server) => [
        { store: near[server]!, ms: times.local, ttlMs: Math.min(ttlMs, 60_000) },
        { store: far, ms: times.redis, ttlMs },
      ],
      memoryPrice: serverPrice + redisPrice,
    },
  ];
}

interface Figures {
  requests: number;
  hits: number;
  calls: number;
  /** Sorted. */
  responsesMs: number[];
}

/** The same requests for every design: the choices come from streams of their own. */
async function simulate({ tiersOf }: Design): Promise<Figures> {
  const seed = Number(values.seed);
  const [arrivals, balancer, durations, jitter] = [0, 1, 2, 3].map((stream) => seededRng(seed * 4 + stream)) as [
    Rng,
    Rng,
    Rng,
    Rng,
  ];
  const choose = rowChoice(
    { kind: "zipf", exponent: Number(values.exponent) },
    Number(values.queries),
    seededRng(seed * 4 + 100),
  );
  const value = Buffer.alloc(parseSizeBytes(values.value));
  const figures: Figures = { requests: 0, hits: 0, calls: 0, responsesMs: [] };
  /** Answers under way, soonest first. */
  const pending: { atMs: number; key: string; server: number }[] = [];
  nowMs = 0;
  const store = async (until: number) => {
    while (pending.length > 0 && pending[0]!.atMs <= until) {
      const { atMs, key, server } = pending.shift()!;
      nowMs = atMs;
      for (const tier of tiersOf(server)) await tier.store.set(key, value, tier.ttlMs * (1 - 0.1 * jitter()));
    }
    nowMs = until;
  };
  for (let atMs = 0; ;) {
    atMs += (-Math.log(1 - arrivals()) / ratePerSec) * 1000;
    if (atMs >= hours * 3_600_000) break;
    await store(atMs);
    const key = `rag:result:${choose()}`;
    const server = Math.floor(balancer() * servers);
    // Drawn for hits, too: every design meets the same backend.
    const backendMs = -Math.log(1 - durations()) * times.backend;
    figures.requests++;
    const asked = tiersOf(server);
    let tookMs = 0;
    let found = false;
    for (const [at, tier] of asked.entries()) {
      tookMs += tier.ms;
      found = (await tier.store.get(key)) !== undefined;
      if (!found) continue;
      for (const nearer of asked.slice(0, at)) await nearer.store.set(key, value, nearer.ttlMs);
      break;
    }
    if (found) figures.hits++;
    else {
      figures.calls++;
      tookMs += backendMs;
      const entry = { atMs: atMs + tookMs, key, server };
      const place = pending.findIndex((other) => other.atMs > entry.atMs);
      pending.splice(place < 0 ? pending.length : place, 0, entry);
    }
    figures.responsesMs.push(tookMs);
  }
  figures.responsesMs.sort((a, b) => a - b);
  return figures;
}

type Rng = () => number;

const style = makeStyle({ color: false, columns: 100, clip: false });
console.log(
  `${plural(servers, "server")}, ${values.rate} in all, ${values.hours} h from an empty cache: ${values.queries} queries by Zipf ${values.exponent}, TTL ${values.ttl}, ` +
    `backend ${values.backend}, Redis ${values.redis}\n`,
);
const rows: string[][] = [];
for (const design of designs()) {
  const { requests, hits, calls, responsesMs } = await simulate(design);
  const quantile = (q: number) => formatDurationMs(responsesMs[Math.ceil(q * responsesMs.length) - 1]!);
  const mean = responsesMs.reduce((sum, each) => sum + each, 0) / responsesMs.length;
  const callsPrice = (calls / hours) * 730 * Number(values["call-price"]);
  rows.push([
    design.name,
    formatPercent(hits / requests),
    formatCount(calls),
    formatDurationMs(mean),
    quantile(0.5),
    quantile(0.95),
    quantile(0.99),
    callsPrice.toFixed(0),
    design.memoryPrice.toFixed(2),
  ]);
}
const right = (header: string) => ({ header, align: "right" as const });
console.log(
  table(
    [{ header: "cache" }, ...["hits", "backend calls", "mean", "p50", "p95", "p99", "calls/month", "memory/month"].map(right)],
    rows,
    style,
  ),
);
