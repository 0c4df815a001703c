import type { ClusterClient, StoredRecord } from "../../cluster/contract.ts";
import type { Embedder } from "../../embed/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Clock, Rng } from "../../runtime.ts";
import { chunkDocument } from "../chunk-document.ts";
import {
  chunkField,
  type Chunk,
  type ChunkedDocument,
  type ChunkOptions,
  type ReaderOptions,
  type SourceDocument,
} from "../contract.ts";
import type { Listing } from "../inputs/list.ts";
import { Acknowledged } from "../journal/acknowledged.ts";
import { sourceItems } from "../pipeline/source.ts";
import { SeenIds } from "../seen-ids.ts";
import { Tally } from "../tally.ts";
import { Differences } from "./differences.ts";
import type { IngestVerifyResult } from "./result.ts";
import { Reservoir, sameVector } from "./vectors.ts";

export interface VerifySpec {
  listing: Listing;
  collection: string;
  reader: ReaderOptions;
  chunk: ChunkOptions;
  /** How many stored vectors are compared. */
  sampled: number;
  /** Points that are not of this input are fine: the collection has other sources, too. */
  ignoreExtra: boolean;
}

export interface VerifyDeps {
  client: ClusterClient;
  /** Without a memory of its own: what is compared is made anew. */
  embedder: Embedder;
  clock: Clock;
  rng: Rng;
  signal: AbortSignal;
  onProgress?: (progress: { bytes: number; documents: number; different: number }) => void;
}

interface Sampled {
  document: SourceDocument;
  chunk: Chunk;
}

const chunksPerBatch = 256;
const keysPerFetch = 256;
/** An embedder on another device, or with other texts in its batch, rounds otherwise. */
const tolerances = { remote: 0.02, exact: 1e-4 };

/**
 * Whether a collection holds what the input says, no less and no more: every chunk of every document with the hash of all
 * that decides it, on every replica; sampled vectors as the input or the embedder has them; and no other point. Nothing is
 * written. Memory: 8 to 16 bytes a chunk.
 * @throws RagctlError exit 2 where there is no such collection, 3 where it cannot be asked; the signal's reason on abort
 */
export async function verifyIngest(spec: VerifySpec, deps: VerifyDeps): Promise<IngestVerifyResult> {
  const { client, clock, embedder, signal } = deps;
  const { collection } = spec;
  const startedUs = clock.monotonicUs();
  const info = await client.collectionInfo(collection);
  if (!info)
    throw new RagctlError(`there is no collection ${collection} in cluster ${client.cluster.name}`, {
      code: "no-collection",
      exitCode: ExitCode.usage,
      hint: "ragctl status lists those there are; ragctl ingest makes one",
    });
  // Nothing is written down: what cannot be read is counted.
  const tally = new Tally(() => {});
  const progress = { bytes: 0, files: 0 };
  const differences = new Differences();
  const sample = new Reservoir<Sampled>(spec.sampled, deps.rng);
  const expected = new SeenIds();
  const documents = { same: 0, different: 0, skipped: 0 };
  let present = 0;

  async function check(batch: readonly ChunkedDocument[]): Promise<void> {
    const keys = batch.flatMap(({ chunks }) => chunks.map(({ key }) => key));
    const held = new Map<string, StoredRecord>();
    for (let from = 0; from < keys.length; from += keysPerFetch)
      for (const record of await client.fetch(collection, keys.slice(from, from + keysPerFetch), {
        everyOwner: true,
        withPayload: [chunkField.hash],
        signal,
      }))
        held.set(record.key, record);
    for (const { document, chunks } of batch) {
      if (chunks.length === 0) {
        documents.skipped++;
        continue;
      }
      for (const { key } of chunks) expected.add(key);
      const found = chunks.filter(({ key }) => held.has(key));
      present += found.length;
      const problem = problemOf(chunks, held);
      if (problem) differences.add(problem.kind, problem.key, document, problem.detail);
      documents[problem ? "different" : "same"]++;
      for (const chunk of found) sample.show({ document, chunk });
    }
    deps.onProgress?.({ bytes: progress.bytes, documents: tally.read, different: documents.different });
  }

  let batch: ChunkedDocument[] = [];
  let chunks = 0;
  const items = sourceItems(spec.listing, {
    options: spec.reader,
    signal,
    tally,
    acknowledged: new Acknowledged(),
    resume: undefined,
    slice: undefined,
    progress,
  });
  for await (const item of items) {
    if (item.kind === "dead") {
      tally.bury(item);
      continue;
    }
    const chunked = await chunkDocument(item, spec.chunk, embedder.name);
    batch.push(chunked);
    chunks += chunked.chunks.length;
    if (chunks < chunksPerBatch && batch.length < chunksPerBatch) continue;
    await check(batch);
    batch = [];
    chunks = 0;
  }
  signal.throwIfAborted();
  await check(batch);

  for (const { document, chunk } of await differentVectors(spec, deps, sample.items, info.distance)) {
    const made = chunk.vector ? "the input's own" : `what ${embedder.name} makes of its text`;
    differences.add("vector", chunk.key, document, `the stored vector is not ${made}`);
  }
  const stored = await client.count(collection, undefined, { signal });
  if (stored > present && !spec.ignoreExtra) await findExtra(spec, deps, expected, differences);
  const list = differences.list();
  return {
    cluster: client.cluster.name,
    collection,
    verdict: list.length > 0 ? "different" : "same",
    documents: { read: tally.read, ...documents, unreadable: tally.fates.dead },
    chunks: { expected: expected.size, stored },
    vectors: { sampled: sample.items.length, different: differences.count("vector") },
    extraIgnored: spec.ignoreExtra,
    differences: list,
    elapsedMs: (clock.monotonicUs() - startedUs) / 1000,
  };
}

/** The worst that is wrong with a document's chunks; pure. */
function problemOf(chunks: readonly Chunk[], held: ReadonlyMap<string, StoredRecord>) {
  const missing = chunks.filter(({ key }) => !held.has(key));
  if (missing.length === chunks.length)
    return { kind: "missing-document" as const, key: chunks[0]!.key, detail: `none of its chunks is stored (${chunks.length})` };
  if (missing.length > 0)
    return {
      kind: "missing-chunk" as const,
      key: missing[0]!.key,
      detail: `${chunks.length - missing.length} of ${chunks.length} chunks are stored`,
    };
  const changed = chunks.find(({ key, hash }) => held.get(key)!.payload[chunkField.hash] !== hash);
  if (changed)
    return {
      kind: "changed" as const,
      key: changed.key,
      detail: `chunk ${changed.position} is stored with another text, other fields, other chunks beside it or another embedder`,
    };
  const torn = chunks.find(({ key }) => held.get(key)!.agreed === false);
  if (torn)
    return { kind: "replicas" as const, key: torn.key, detail: `chunk ${torn.position} is not the same on every replica` };
  return undefined;
}

async function differentVectors(
  { collection }: VerifySpec,
  { client, embedder, signal }: VerifyDeps,
  sampled: readonly Sampled[],
  distance: Parameters<typeof sameVector>[2],
): Promise<Sampled[]> {
  const texts = sampled.filter(({ chunk }) => !chunk.vector);
  const made = new Map<string, Float32Array>();
  if (texts.length > 0) {
    const vectors = await embedder.embed(
      texts.map(({ chunk }) => chunk.embedText),
      { signal },
    );
    for (const [at, { chunk }] of texts.entries()) made.set(chunk.key, vectors[at]!);
  }
  const remote = !embedder.name.startsWith("hashing");
  const different: Sampled[] = [];
  for (let from = 0; from < sampled.length; from += keysPerFetch) {
    const some = sampled.slice(from, from + keysPerFetch);
    const records = await client.fetch(
      collection,
      some.map(({ chunk }) => chunk.key),
      { withVector: true, withPayload: [], signal },
    );
    const held = new Map(records.map(({ key, vector }) => [key, vector]));
    for (const each of some) {
      const { key, vector } = each.chunk;
      const tolerance = vector || !remote ? tolerances.exact : tolerances.remote;
      if (!sameVector(held.get(key) ?? [], vector ?? made.get(key)!, distance, tolerance)) different.push(each);
    }
  }
  return different;
}

/** Looks at every point for those that no chunk of the input explains. */
async function findExtra(
  { collection }: VerifySpec,
  { client, signal }: VerifyDeps,
  expected: SeenIds,
  differences: Differences,
): Promise<void> {
  const withPayload = [chunkField.document, chunkField.source];
  for await (const page of client.scroll(collection, { pageSize: 1000, withPayload, signal }))
    for (const { key, payload } of page) {
      if (expected.has(key)) continue;
      const text = (name: string) => (typeof payload[name] === "string" ? payload[name] : null);
      const [document, source] = [text(chunkField.document), text(chunkField.source)];
      const detail = document === null ? "no document of the input has this point" : "the input has no such chunk";
      differences.addExtra(key, { document, source }, detail);
    }
}
