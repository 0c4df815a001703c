import { resolve } from "node:path";
import { cacheSizeResultSchema } from "../../src/cache/sizing/result.ts";
import { defaultOverheadBytes, parseSize } from "../../src/cache/sizing/points.ts";
import { usageError, type Problem } from "../../src/errors.ts";
import { cacheSizeReport } from "../../src/report/cache-size.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";
import { writePage } from "../write-page.ts";

const policies = ["lru", "lfu", "lru+ttl", "lfu+ttl"] as const;

const flags = {
  trace: flag.file({ description: "cache keys, one a line; or CSV with key, size, timestamp; .gz and .zst too; - is stdin" }),
  log: flag.file({ description: "queries: JSONL or CSV with query (and size, timestamp), or one a line" }),
  columns: flag.list({ description: "of a CSV without header: key,size,timestamp; _ passes one over", placeholder: "name,…" }),
  targetHit: flag.fraction({ description: "the hit ratio to reach: 90%" }),
  sizes: flag.list({ description: "points of the curve: 1000 is entries, 64MiB bytes", placeholder: "size,…" }),
  policy: flag.choice(policies, { description: "what is evicted", default: "lru" }),
  ttl: flag.positiveDurationMs({ description: "entries expire this long after they were stored" }),
  near: flag.string({ description: "a memory cache before the sized one: entries, or 64MiB", placeholder: "size" }),
  nearTtl: flag.positiveDurationMs({ description: "how long the memory cache keeps an entry" }),
  method: flag.choice(["exact", "shards", "auto"], {
    description: "shards samples keys; auto does where there are many references",
    default: "auto",
  }),
  rate: flag.fraction({ description: "share of the keys to sample: 1%" }),
  seed: flag.count({ description: "of the sampling", default: 1 }),
  entryBytes: flag.bytes({ description: "what one entry takes, the cache's overhead included, instead of the trace's sizes" }),
  overhead: flag.bytes({
    description: "what the cache adds to each size of the trace; Redis: about 200",
    default: defaultOverheadBytes,
  }),
  price: flag.number({ description: "of a GiB a month, in any currency" }),
  html: flag.file({ description: "write the answer as one self-contained page, too" }),
};

export default defineCommand({
  details:
    "How large must the cache be? Reads what was asked of it, in order, and computes the share of misses for every size: exactly where there are up to two million " +
    "references, else from a sample of the keys (SHARDS), with the error to expect. LFU, TTLs and a memory cache in front are simulated. " +
    "Nothing is asked of a cluster.\n\n" +
    "First references count as misses: no cache answers them. Sizes of a trace are those of the values; --overhead is added to each.",
  flags,
  examples: [
    ["ragctl cache size --log queries.jsonl --target-hit 90%", "what would 90 % hits take?"],
    ["ragctl cache size --trace keys.csv.gz --sizes 1GiB,2GiB,4GiB --price 8.5", "is more memory worth its price?"],
    ["ragctl cache size --trace keys.txt --near 1000 --html curve.html", "Redis behind a memory cache of 1,000 entries"],
  ],
  resultSchema: cacheSizeResultSchema,
  async run({ flags }, context) {
    const { runtime, progress } = context;
    const { input, sizes, near } = checked(flags, context);
    const { sizeCache } = await import("../../src/cache/sizing/index.ts");
    const task = progress.start("reading", { unit: "MiB" });
    let total: number | undefined;
    try {
      const result = await sizeCache(input, {
        policy: flags.policy?.startsWith("lfu") ? "lfu" : "lru",
        ttlMs: flags.ttl,
        near: near && { ...near, ttlMs: flags.nearTtl },
        method: flags.method ?? "auto",
        rate: flags.rate,
        seed: flags.seed,
        sizes,
        targetHit: flags.targetHit,
        entryBytes: flags.entryBytes,
        overheadBytes: flags.overhead,
        price: flags.price,
        signal: runtime.signal,
        onRead(doneBytes, sizeBytes) {
          if (sizeBytes !== undefined && total === undefined) task.setTotal((total = sizeBytes / 2 ** 20));
          task.update(doneBytes / 2 ** 20);
        },
      });
      if (flags.html !== undefined) {
        const { cacheSizeHtml } = await import("../../src/report/html/cache-size-html.ts");
        await writePage(flags.html, result, cacheSizeHtml, context);
      }
      return { result };
    } finally {
      task.end();
    }
  },
  human: cacheSizeReport,
});

/** @throws RagctlError exit 2 with everything that is wrong with the flags */
function checked(values: FlagValues<typeof flags>, { runtime }: CommandContext) {
  const problems: Problem[] = [];
  const refuse = (path: string, message: string) => void problems.push({ path, message });
  const sized = (path: string, text: string) => {
    try {
      return [parseSize(text)];
    } catch (error) {
      refuse(path, (error as Error).message);
      return [];
    }
  };
  const sizes = values.sizes.flatMap((text) => sized("--sizes", text));
  const near = values.near === undefined ? undefined : sized("--near", values.near)[0];
  const kind = values.trace === undefined ? ("log" as const) : ("trace" as const);
  const file = values.trace ?? values.log;
  if (file === undefined) refuse("--log", "give a query log, or a trace of cache keys with --trace");
  if (values.trace !== undefined && values.log !== undefined) refuse("--log", "give one of --log and --trace");
  if (values.policy?.endsWith("+ttl") && values.ttl === undefined)
    refuse("--ttl", `must be given with --policy ${values.policy}`);
  if (values.nearTtl !== undefined && values.near === undefined) refuse("--near-ttl", "goes with --near");
  if (values.rate !== undefined && !(values.rate > 0 && values.rate <= 1))
    refuse("--rate", "expected a share above 0, at most 1");
  if (values.rate !== undefined && values.method === "exact")
    refuse("--rate", "goes with --method shards: exact looks at every key");
  if (values.targetHit !== undefined && !(values.targetHit > 0 && values.targetHit <= 1))
    refuse("--target-hit", "expected a share above 0, at most 1");
  if (values.entryBytes === 0) refuse("--entry-bytes", "expected a size above zero");
  if (values.price !== undefined && values.price < 0) refuse("--price", "expected a price of zero or more");
  if (problems.length > 0) throw usageError(problems, { hint: "ragctl cache size --help" });
  const input = {
    kind,
    file: file === "-" ? "-" : resolve(runtime.cwd, file!),
    stdin: runtime.stdin.stream,
    ...(values.columns.length > 0 && { columns: values.columns }),
  };
  return { input, sizes, near };
}
