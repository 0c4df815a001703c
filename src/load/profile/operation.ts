import { inZone, zoneCaches } from "../../cache/zones.ts";
import type { ClusterClient } from "../../cluster/contract.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { usageError } from "../../errors.ts";
import { seededRng, type Clock } from "../../runtime.ts";
import type { CollectionInfo } from "../../stores/contract.ts";
import type { OperationSpec, SharedVectors } from "../contract.ts";
import { choiceOf, questionsOf, textsOf, vectorsOf, type FeedDeps } from "../feeds/source.ts";
import type { DatasetTruth } from "../recall/dataset-truth.ts";
import { cachedAs, placementOf, priceOf } from "./cached.ts";
import { httpTarget } from "../targets/http.ts";
import type { OperationProfile, ScenarioProfile } from "./schema.ts";

export interface OperationContext extends FeedDeps {
  cluster: ClusterConfig | undefined;
  client: ClusterClient | undefined;
  cwd: string;
  /** The scenario's name. */
  scenario: string;
  tag: string;
  /** Of the whole run; `seed` is the scenario's own. */
  runSeed: number;
  clock: Clock;
  /** Where the acknowledged keys of this collection are told: one for all scenarios. */
  writtenTo: (collection: string) => SharedArrayBuffer;
  /** The collection where an operation names none. */
  collection: () => Promise<string>;
}

export interface NamedOperation {
  operation: OperationSpec;
  /** For the report: `search of docs, k 10, queries from …`. */
  does: string;
  /** Of a search: the true neighbours of its queries, where their file brings them. */
  truth?: DatasetTruth;
}

type Builder<K extends OperationProfile["kind"]> = (
  operation: Extract<OperationProfile, { kind: K }>,
  scenario: ScenarioProfile,
  context: OperationContext,
) => Promise<NamedOperation>;

/** How long freshness is looked for, µs. */
const giveUpUs = 10_000_000;
const fetchKeys = 5000;

const builders: { [K in OperationProfile["kind"]]: Builder<K> } = {
  async search({ k, ef, exact, filter, allowPartial, collection: named }, scenario, context) {
    const { cluster, collection, own } = await onCollection(named, context);
    const { items: queries, from, truth } = await vectorsOf(logFeed(scenario), context, own);
    return {
      operation: {
        kind: "search",
        cluster,
        collection,
        cwd: context.cwd,
        k,
        ...(ef !== undefined && { ef }),
        ...(exact && { exact }),
        ...(filter && { filter }),
        queries,
        choice: choiceOf(logFeed(scenario)),
        partialIsOk: allowPartial,
      },
      does: `search of ${collection}, k ${k}, queries from ${from}`,
      ...(truth && { truth }),
    };
  },

  async upsert({ collection: named, batch, keys, freshness, probeEvery, probes }, { feed }, context) {
    const { cluster, collection, own } = await onCollection(named, context);
    const { items, from } = await vectorsOf(feed, context, own);
    return {
      operation: {
        kind: "upsert",
        cluster,
        collection,
        cwd: context.cwd,
        // Copies of what is there would crowd the true neighbours out of every answer.
        vectors: feed.from === "points" ? shuffledComponents(items, context.seed) : items,
        choice: choiceOf(feed),
        batch,
        tag: context.tag,
        written: context.writtenTo(collection),
        ...(keys !== undefined && { keys }),
        ...(freshness && { freshness: { everyUs: probeEvery * 1000, giveUpUs, atOnce: probes } }),
      },
      does: `upsert of ${batch} into ${collection}, vectors from ${from}, marked ${context.tag}`,
    };
  },

  async fetch({ collection: named, batch, own }, { feed }, context) {
    const { cluster, collection, client } = await onCollection(named, context);
    const keys: string[] = [];
    for await (const page of client.scroll(collection, { pageSize: 1000, withPayload: false })) {
      keys.push(...page.map(({ key }) => key));
      if (keys.length >= (feed.limit ?? fetchKeys)) break;
    }
    if (keys.length === 0)
      throw usageError([{ path: "operation", message: `collection "${collection}" has no points to fetch` }]);
    return {
      operation: {
        kind: "fetch",
        cluster,
        collection,
        cwd: context.cwd,
        keys,
        choice: choiceOf(feed),
        batch,
        ...(own > 0 && { own: { share: own, tag: context.tag, written: context.writtenTo(collection) } }),
      },
      does: `fetch of ${batch} from ${collection}, ${keys.length} keys${own > 0 ? " and those just written" : ""}`,
    };
  },

  async rag({ endpoint, field }, { feed }, context) {
    const endpoints = clusterOf(context).endpoints ?? {};
    const names = Object.keys(endpoints);
    const chosen = endpoint ?? (names.length === 1 ? names[0]! : undefined);
    const found = chosen === undefined ? undefined : endpoints[chosen];
    if (!found)
      throw usageError([
        {
          path: "operation.endpoint",
          message:
            names.length === 0
              ? "the cluster's config has no endpoints"
              : `expected one of ${names.join(", ")}, got ${chosen ?? "none"}`,
        },
      ]);
    const { items: texts, from } = await textsOf(feed, context);
    const { url, method, headers } = found;
    return {
      operation: { kind: "rag", url, method, headers, field, texts, choice: choiceOf(feed) },
      does: `questions to ${chosen} (${new URL(url).origin}), texts from ${from}`,
    };
  },

  async cache({ keys, valueBytes, ttl, writes, fill, standBy, zone }, { feed }, context) {
    const cluster = clusterOf(context);
    const { cache } = inZone(cluster, zone);
    if (!cache) throw usageError([{ path: "operation", message: `cluster ${cluster.name} has no cache in its config` }]);
    const elsewhere = zone === undefined ? [] : zoneCaches(cluster).filter(({ zones }) => !zones.includes(zone));
    if (elsewhere.length > 0 && !standBy)
      throw usageError([{ path: "operation.standBy", message: "false measures one cache: leave zone out" }]);
    return {
      operation: {
        kind: "cache",
        cache,
        ...(elsewhere.length > 0 && { elsewhere: elsewhere.map((each) => each.cache) }),
        keys,
        choice: choiceOf(feed),
        valueBytes,
        ttlMs: ttl,
        writes,
        fill,
        standBy,
        tag: context.tag,
      },
      does: `${cache.driver} cache, ${keys} keys by ${feed.choice}${cache.driver === "memory" ? " (of each worker its own)" : ""}`,
    };
  },

  async "cached-search"({ collection: named, k, ef, servers, cache: said, backend }, scenario, context) {
    const { cluster, collection, own } = await onCollection(named, context);
    const cache = cachedAs(cluster, said, `load:${context.tag}:${context.scenario}`);
    const { workers = 1 } = scenario;
    const feed = logFeed(scenario);
    if (servers % workers !== 0)
      throw usageError([
        {
          path: "workers",
          message: `${servers} servers cannot be shared out evenly among ${workers} workers: each server's memory belongs to one`,
        },
      ]);
    const { items: questions, from } = await questionsOf(feed, context, own);
    const { price = priceOf(cluster), plus: plusMs } = backend;
    return {
      operation: {
        kind: "cached-search",
        cluster,
        collection,
        cwd: context.cwd,
        k,
        ...(ef !== undefined && { ef }),
        questions,
        choice: choiceOf(feed),
        seed: context.runSeed,
        servers,
        cache,
        plusMs,
        price,
        monthly: said.monthly,
      },
      does: `search of ${collection}, k ${k}, through ${placementOf(cache.driver, servers)}, questions from ${from}`,
    };
  },

  async embed({ batch }, { feed }, context) {
    const { embedder } = clusterOf(context);
    const { items: texts, from } = await textsOf(feed, context);
    return {
      operation: { kind: "embed", embedder, texts, choice: choiceOf(feed), batch },
      does: `${embedder?.driver ?? "hashing"} embedding of ${batch}, texts from ${from}`,
    };
  },

  async http({ url, method, headers, body }) {
    const { operation, target } = httpTarget({
      url,
      method,
      headers: Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      body: body === undefined ? undefined : { bytes: Buffer.from(body), file: "body" },
    });
    return { operation, does: target.kind === "http" ? `${target.method} ${target.url}` : url };
  },
};

/** What a scenario does, its feed read. @throws RagctlError exit 2 and 3 */
export function operationOf(scenario: ScenarioProfile, context: OperationContext): Promise<NamedOperation> {
  const { operation } = scenario;
  return (builders[operation.kind] as Builder<OperationProfile["kind"]>)(operation, scenario, context);
}

/** The queries of a replay are those of its log, in its order, unless the feed names a file. */
function logFeed(scenario: ScenarioProfile): ScenarioProfile["feed"] {
  const { feed } = scenario;
  return scenario.executor === "replay" && feed.from === "points"
    ? { ...feed, from: scenario.log, format: "jsonl", choice: "sequential" }
    : feed;
}

function clusterOf({ cluster }: OperationContext): ClusterConfig {
  if (!cluster) throw new Error("a profile with operations on a cluster was compiled without one");
  return cluster;
}

async function onCollection(named: string | undefined, context: OperationContext) {
  const cluster = clusterOf(context);
  const client = context.client!;
  const collection = named ?? (await context.collection());
  const info: CollectionInfo | undefined = await client.collectionInfo(collection);
  if (!info)
    throw usageError([{ path: "operation.collection", message: `cluster ${cluster.name} has no collection "${collection}"` }], {
      code: "no-collection",
    });
  return { cluster, client, collection, own: { client, collection, dim: info.size } };
}

/** The same numbers in another order, one for all: lengths and distances among them stay, and they are near nothing that is stored. */
function shuffledComponents({ vectors, dim, count }: SharedVectors, seed: number): SharedVectors {
  const rng = seededRng(seed);
  const order = Array.from({ length: dim }, (_, at) => at);
  for (let at = dim - 1; at > 0; at--) {
    const other = Math.floor(rng() * (at + 1));
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  const from = new Float32Array(vectors);
  const shared = new SharedArrayBuffer(from.byteLength);
  const to = new Float32Array(shared);
  for (let row = 0; row < count; row++) for (let at = 0; at < dim; at++) to[row * dim + at] = from[row * dim + order[at]!]!;
  return { vectors: shared, dim, count };
}
