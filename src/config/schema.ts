import { z } from "zod";
import { collectionNameProblem } from "./collection-name.ts";
import {
  durationInput,
  parseBytesPerSec,
  parseDurationMs,
  parseFraction,
  parseRatePerSec,
  parseSizeBytes,
  sizeInput,
} from "../units.ts";

/** The config file as zod sees it. Inputs are what people write (`100ms`, `0.1%`); outputs carry units in their names where a number has one. */

const text = z.string({ error: "expected a duration with its unit, such as 100ms or 10s" });
const textOrNumber = z.union([z.string(), z.number()], { error: "expected a number, or text with a unit" });

/** A number that people write with its unit. A codec, so that `config show` prints what can be read back. */
function unit<I extends typeof text | typeof textOrNumber>(
  input: I,
  parse: (text: string) => number,
  write: (value: number) => z.output<I>,
  examples: string,
) {
  return z
    .codec<z.ZodType<string | number>, z.ZodNumber>(input, z.number(), {
      decode: (value, context): number => {
        try {
          return parse(String(value));
        } catch (error) {
          context.issues.push({ code: "custom", message: (error as Error).message, input: value });
          return z.NEVER;
        }
      },
      encode: write,
    })
    .describe(`for example ${examples}`);
}

export const durationMs = unit(text, parseDurationMs, durationInput, "100ms or 10s");
export const fraction = unit(textOrNumber, parsePart, (value) => value, "0.1% or 0.001");
export const sizeBytes = unit(textOrNumber, parseSizeBytes, sizeInput, "64MiB");
export const bytesPerSec = unit(textOrNumber, parseBytesPerSec, (value) => `${sizeInput(value)}/s`, "1MiB/s");
export const ratePerSec = unit(textOrNumber, parseRatePerSec, (value) => `${value}/s`, "500/s");

function parsePart(text: string): number {
  const value = parseFraction(text);
  if (value > 1) throw new Error(`expected a fraction of at most 1 (100%), got "${text}"`);
  return value;
}

const httpUrl = z.url({ protocol: /^https?$/, error: "expected an http:// or https:// URL" });
const redisUrl = z.url({ protocol: /^rediss?$/, error: "expected a redis:// or rediss:// URL" });
const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "expected letters, digits, '.', '_' or '-', starting with a letter or digit");

const tls = z.strictObject({
  caFile: z.string().optional(),
  certFile: z.string().optional(),
  keyFile: z.string().optional(),
  serverName: z.string().optional(),
});

const store = z.strictObject({
  driver: z.enum(["qdrant"]),
  collection: z
    .string()
    .min(1)
    .superRefine((name, context) => {
      const problem = name === "" ? undefined : collectionNameProblem(name);
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
    })
    .optional()
    .describe("the collection that commands use unless told otherwise"),
  vector: z.string().min(1).optional().describe("the named vector; absent: the unnamed one"),
  apiKey: z.string().optional(),
  tls: tls.optional(),
  timeout: durationMs.optional().describe("per request, 5s unless given"),
});

const capacity = z.strictObject({
  points: z.number().int().positive().optional(),
  bytes: sizeBytes.optional(),
  queries: ratePerSec.optional().describe("searches and fetches a second"),
});

const port = z.number().int().min(1).max(65_535);

/** How faults reach a node. */
const target = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("process"), pidFile: z.string() }),
  z.strictObject({
    kind: z.literal("toxiproxy"),
    api: httpUrl.default("http://127.0.0.1:8474").describe("of the toxiproxy server"),
    proxy: z
      .string()
      .regex(/^[^/\r\n\0]+$/, "expected a name without a slash, which toxiproxy's own paths cannot hold")
      .describe("name of the proxy that stands before this node"),
  }),
  z.strictObject({
    kind: z.literal("ssh"),
    host: z
      .string()
      .regex(/^[A-Za-z0-9_:][A-Za-z0-9._:%-]{0,254}$/, "expected a host name, an address or a host of ssh's own config")
      .describe("name, address, or a Host of ~/.ssh/config; its key must be in known_hosts"),
    port: port.optional().describe("what ssh's own config says unless given"),
    user: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}\$?$/, "expected a user name")
      .optional(),
    identityFile: z.string().min(1).optional().describe("a key file without a passphrase, or one that the agent holds"),
    options: z
      .array(z.string().regex(/^[A-Za-z][A-Za-z0-9]*=[^\r\n\0]+$/, "expected an option of ssh as Name=value"))
      .optional()
      .describe("-o options of ssh, for example UserKnownHostsFile=known_hosts"),
    sudo: z.boolean().default(false).describe("become root by `sudo -n`: the packet filter and other users' processes need it"),
    unit: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9@._:\\-]{0,255}$/, "expected the name of a systemd unit")
      .optional()
      .describe("the node's systemd unit: by it, it can be killed and started again"),
    pidFile: z
      .string()
      .regex(/^\/[^\r\n\0]+$/, "expected an absolute path")
      .optional()
      .describe("on that host, where there is no unit"),
    servicePort: port.optional().describe("on that host; the port of the node's url unless given"),
  }),
]);

const node = z.strictObject({
  id,
  url: httpUrl,
  directUrl: httpUrl
    .optional()
    .describe("where the node's own process listens, where url is that of a proxy: for what is not a client of it"),
  zone: z.string().min(1).optional(),
  weight: z.number().positive().default(1),
  capacity: capacity.optional().describe("what the node can take at most: plans keep to it"),
  apiKey: z.string().optional(),
  target: z
    .union([target, z.array(target).min(1)])
    .optional()
    .describe("how faults reach this node; of several, a fault takes the first that can do it"),
});

/** Where a Redis is. */
const cachePlace = z.strictObject({
  url: redisUrl.optional(),
  cluster: z.array(redisUrl).min(1).optional(),
  sentinel: z.strictObject({ name: z.string(), nodes: z.array(redisUrl).min(1) }).optional(),
  password: z.string().optional(),
});

const cache = z.strictObject({
  driver: z.enum(["redis", "memory", "tiered"]),
  url: redisUrl.optional(),
  cluster: z.array(redisUrl).min(1).optional(),
  sentinel: z.strictObject({ name: z.string(), nodes: z.array(redisUrl).min(1) }).optional(),
  password: z.string().optional(),
  tls: tls
    .optional()
    .describe("of rediss:// servers: whose certificates are believed, and our own; files relative to the config"),
  zones: z
    .record(z.string().min(1), cachePlace)
    .optional()
    .describe("zones with a Redis of their own, and where it is: {b: {url: redis://…}}; everything else is as here"),
  namespace: z.string().default("rag"),
  corpusVersion: z
    .string()
    .min(1)
    .optional()
    .describe(
      "makes keys carry it and the embedder, so that a new index never serves the old one's answers: rag@2026-05~bge-small-en",
    ),
  keys: z
    .strictObject({ result: z.string(), embedding: z.string(), answer: z.string() })
    .partial()
    .optional()
    .describe("templates; {namespace}:result:{sha256(query)} and so on unless given"),
  resultTtl: durationMs.prefault("1h"),
  embeddingTtl: durationMs.prefault("2h"),
  answerTtl: durationMs.optional().describe("of what a language model wrote; 10m unless given"),
  negativeTtl: durationMs.optional().describe("of the knowledge that there is nothing; 30s unless given"),
  nearTtl: durationMs.optional().describe("of the memory before Redis (tiered); 1m unless given"),
  ttlJitter: fraction
    .optional()
    .describe("share by which TTLs are shortened by chance, so that not all end at once; 10% unless given"),
  format: z
    .enum(["framed", "raw"])
    .optional()
    .describe("raw: values as they are, for applications that know nothing of the header; framed unless given"),
  compression: z.enum(["zstd", "gzip", "off"]).optional().describe("zstd unless given"),
  compressAbove: sizeBytes.optional().describe("1KiB unless given"),
  earlyRefresh: z
    .number()
    .min(0)
    .max(10)
    .optional()
    .describe("how early popular values are computed anew (XFetch's beta); 1 unless given, 0 never"),
  lock: durationMs.optional().describe("how long one process may compute a value while others wait for it; 10s unless given"),
  popularity: z
    .strictObject({ keep: z.number().int().min(1).max(1_000_000), halfLife: durationMs })
    .partial()
    .optional()
    .describe("how many questions are counted with their text (10,000), and after how long a count is worth half (1d)"),
  prices: z
    .strictObject({
      millionTokens: z.number().min(0),
      query: z.number().min(0).describe("of a question that misses, beside its tokens"),
      tokensPerQuery: z.number().min(0).describe("where a log does not tell"),
    })
    .partial()
    .optional()
    .describe("what a hit saves, in any currency, for cache warm"),
  maxBytes: sizeBytes.prefault("64MiB"),
});

const embedder = z.discriminatedUnion("driver", [
  z.strictObject({ driver: z.literal("hashing"), dim: z.number().int().min(8).max(65_536).default(384) }),
  z.strictObject({
    driver: z.literal("openai"),
    url: httpUrl,
    model: z.string(),
    dim: z.number().int().positive(),
    apiKey: z.string().optional(),
    batchSize: z.number().int().positive().default(64),
    timeout: durationMs.prefault("30s"),
    rate: ratePerSec
      .optional()
      .describe("requests that it takes in any second, at most; of all processes that share `redis` together"),
    redis: redisUrl.optional().describe("where processes share the rate, and vectors with `cache: redis`"),
    cache: z
      .enum(["disk", "redis", "off"])
      .optional()
      .describe("where ingest keeps vectors, so that a text is paid for once; disk unless given"),
    cacheSize: sizeBytes.optional().describe("of the vectors kept on disk; 4GiB unless given"),
  }),
]);

const endpoint = z.strictObject({
  url: httpUrl,
  method: z.enum(["GET", "POST"]).default("POST"),
  headers: z.record(z.string(), z.string()).default({}),
});

const objectives = z.strictObject({
  p50: durationMs.optional(),
  p95: durationMs.optional(),
  p99: durationMs.optional(),
  errorRate: fraction.optional(),
  recallAt10: fraction.optional(),
  availability: fraction.optional(),
});

const state = z.discriminatedUnion("driver", [
  z.strictObject({ driver: z.literal("sqlite"), path: z.string().optional() }),
  z.strictObject({ driver: z.literal("redis"), url: redisUrl, password: z.string().optional() }),
]);

const routing = z.strictObject({
  replicas: z.number().int().min(1).max(16).default(1),
  minAcks: z.number().int().min(1).default(1),
  consistency: z.enum(["one", "quorum", "all"]).default("one"),
  virtualNodes: z.number().int().min(1).max(10_000).default(150),
  hash: z.enum(["xxh32", "md5-32", "md5-128"]).default("xxh32"),
  breaker: z
    .enum(["rolling", "fixed", "off"])
    .default("rolling")
    .describe("off: nodes are asked whatever became of earlier requests to them, for seeing what that costs"),
  hedge: z
    .enum(["off", "p95"])
    .default("off")
    .describe("p95: a read that takes longer than its node's p95 asks another owner too, for one request in ten at most"),
  maxInFlightPerNode: z
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(128)
    .describe(
      "requests of one client to one node at most, fewer while it is slow; four times as many wait, and more are refused as overload",
    ),
  maxRate: ratePerSec
    .optional()
    .describe("operations of one client; beyond it, and a second's worth saved up, they are refused as overload"),
});

const client = z.strictObject({
  localAddress: z
    .union([z.ipv4(), z.ipv6()])
    .optional()
    .describe(
      "of this machine, from which connections to the nodes are made: such as 127.0.0.2, to be another client than others",
    ),
});

export const clusterSchema = z.strictObject({
  topology: z.enum(["native", "routed"]),
  store,
  nodes: z.array(node).min(1),
  client: client.optional(),
  routing: routing.prefault({}),
  cache: cache.optional(),
  embedder: embedder.optional(),
  endpoints: z.record(z.string(), endpoint).optional(),
  objectives: objectives.prefault({}),
  state: state.prefault({ driver: "sqlite" }),
  queue: z
    .strictObject({ url: redisUrl, password: z.string().optional() })
    .optional()
    .describe("the Redis of ingest's work queue; never the cache's"),
  protected: z.boolean().default(false),
  maxRate: ratePerSec.optional().describe("load above it, on a protected cluster, asks for the cluster's name"),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  clusters: z.record(id, clusterSchema),
  default: z.string().optional(),
});

export type ConfigFile = z.output<typeof configSchema>;
type ClusterFields = z.output<typeof clusterSchema>;

/** A cluster of the config, resolved: variables expanded, defaults filled in, units parsed (durations in ms, sizes in bytes). */
export interface ClusterConfig extends ClusterFields {
  name: string;
  /** Where it was said: the file that relative paths (CA, state) are relative to. */
  source: { kind: "config" | "local" | "flags"; file?: string };
}

export type NodeConfig = ClusterConfig["nodes"][number];
export type TargetConfig = z.output<typeof target>;
export type EmbedderConfig = z.output<typeof embedder>;
export type CacheConfig = z.output<typeof cache>;
export type ObjectivesConfig = z.output<typeof objectives>;
export type StateConfig = z.output<typeof state>;
