/**
 * Writes of the cache's bulk writer beside `redis-benchmark -P 16 -t set` of the same value size, against the same redis-server, by turns; the median of the rounds.
 *
 *     node bench/cache.ts [ROUNDS=7] [WRITES=200000]
 *
 * The writer sets a TTL with each value (PX), which redis-benchmark does not. Both share the machine with the server: beside other work the figures mean little.
 */
import { execFileSync } from "node:child_process";
import { bulkWriter } from "../src/cache/bulk/writer.ts";
import { redisLink } from "../src/cache/redis-link.ts";
import { redisTarget } from "../src/cache/redis-target.ts";
import { realClock } from "../src/runtime.ts";
import { startRedis } from "../test/helpers/redis.ts";

const [rounds = 7, writes = 200_000] = process.argv.slice(2).map(Number);
const keys = 100_000;
const batch = 250;
const lanes = 16;

const redis = await startRedis();
const link = await redisLink(redisTarget({ driver: "redis", url: redis.url }), { clock: realClock });
const writer = bulkWriter(link, realClock);

function peer(size: number): number {
  const args = [
    "-p",
    String(redis.port),
    "-P",
    "16",
    "-t",
    "set",
    "-d",
    String(size),
    "-n",
    String(writes),
    "-r",
    String(keys),
    "--csv",
  ];
  const row = execFileSync("redis-benchmark", args).toString().split("\n")[1]!;
  return Number(row.split(",")[1]!.replaceAll('"', ""));
}

async function ours(size: number): Promise<number> {
  const value = Buffer.alloc(size, "x");
  const startUs = realClock.monotonicUs();
  let next = 0;
  const lane = async () => {
    while (next < writes) {
      const from = next;
      next = Math.min(writes, from + batch);
      const entries = Array.from({ length: next - from }, (_, at) => ({
        key: `key:${String((from + at) % keys).padStart(12, "0")}`,
        value,
        ttlMs: 3_600_000,
      }));
      const { failures } = await writer.write(entries);
      if (failures.length > 0) throw failures[0]!.error;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return writes / ((realClock.monotonicUs() - startUs) / 1e6);
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
console.log("value      redis-benchmark      bulk writer    ratio (median of pairs)");
for (const size of [128, 1024, 4096]) {
  const pairs: [number, number][] = [];
  await ours(size);
  for (let round = 0; round < rounds; round++) pairs.push([peer(size), await ours(size)]);
  const [theirs, mine] = [median(pairs.map(([a]) => a)), median(pairs.map(([, b]) => b))];
  const ratio = median(pairs.map(([a, b]) => b / a));
  console.log(
    `${String(size).padStart(5)} B ${`${Math.round(theirs)}/s`.padStart(17)} ${`${Math.round(mine)}/s`.padStart(16)} ${ratio.toFixed(2).padStart(8)}`,
  );
}
writer.close();
link.close();
await redis.stop();
