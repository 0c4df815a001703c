import type { ClusterClient, StoredRecord, WriteRecord, WriteResult } from "../cluster/contract.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { Clock, Rng } from "../runtime.ts";
import { createRouting, loadHashes, pointIdOf } from "../sharding/index.ts";
import { plural } from "../units.ts";

const prefix = "_ragctl_smoke_";
const dim = 32;
const clusters = 8;
const callTimeoutMs = 2000;
/** A replica may take a write a moment after it was acknowledged, where the store replicates by itself. */
const settleMs = 2000;
/** What an earlier smoke left, killed before it could clean up, is removed after this. */
const leftoverAfterMs = 600_000;

/** `_ragctl_smoke_{time}_{random}`: its own, so that nothing of the user's is ever touched. */
export function canaryCollection(nowMs: number, rng: Rng): string {
  return `${prefix}${Math.floor(nowMs / 1000).toString(36)}_${Math.floor(rng() * 36 ** 6)
    .toString(36)
    .padStart(6, "0")}`;
}

/** Collections of earlier smokes that nobody is using any more. */
export function leftovers(collections: readonly string[], nowMs: number): string[] {
  return collections.filter((name) => {
    const seconds = /^_ragctl_smoke_([0-9a-z]{1,9})_[0-9a-z]{6}$/.exec(name)?.[1];
    return seconds !== undefined && nowMs - Number.parseInt(seconds, 36) * 1000 > leftoverAfterMs;
  });
}

export interface Canary {
  /** Makes the collection, writes the points, and finds each on every node that owns it. */
  write(): Promise<string>;
  /** Each point is the best hit for its own vector. */
  search(): Promise<string>;
  /** Deletes them, and finds none of them on any node. */
  delete(): Promise<string>;
  /** Writes them once more, for queries where the cluster has no collection of its own. */
  refill(): Promise<void>;
  /** Drops the collection, if this run may have made it. */
  drop(): Promise<string>;
}

export interface CanaryDeps {
  client: ClusterClient;
  collection: string;
  clock: Clock;
  rng: Rng;
  signal: AbortSignal;
}

/** Points that prove the way through the cluster, in a collection that exists for nothing else. */
export function makeCanary({ client, collection, clock, rng, signal }: CanaryDeps): Canary {
  const { cluster } = client;
  const nodes = cluster.nodes.map(({ id }) => id);
  const records = canaryRecords(Math.max(16, 4 * nodes.length), rng);
  const keys = records.map(({ key }) => key);
  const call = { timeoutMs: callTimeoutMs, signal };
  let touched = false;

  /** Node → the keys that must be on it. A store that shards by itself answers for all keys on any node. */
  async function expectedByNode(): Promise<Map<string, string[]>> {
    const table = await client.table(collection);
    if (!table) return new Map(nodes.map((node) => [node, keys]));
    await loadHashes();
    const routing = createRouting(table);
    const expected = new Map<string, string[]>(Object.keys(table.nodes).map((node) => [node, []]));
    for (const { key, vector } of records) {
      const { position, to } = routing.stamper.stamp(key, vector);
      for (const owner of routing.setAt(position, to).owners) expected.get(routing.nodeIds[owner]!)!.push(key);
    }
    return expected;
  }

  async function heldBy(node: string, wanted: readonly string[]): Promise<Set<string>> {
    const found: StoredRecord[] =
      wanted.length === 0 ? [] : await client.onNode(node).fetch(collection, wanted.map(pointIdOf), call);
    return new Set(found.map(({ id }) => String(id)));
  }

  /** Looks until `problem` says nothing, at most `settleMs`. */
  async function settled(problem: () => Promise<string | undefined>): Promise<number> {
    const startedUs = clock.monotonicUs();
    for (;;) {
      const said = await problem();
      const elapsedMs = (clock.monotonicUs() - startedUs) / 1000;
      if (said === undefined) return elapsedMs;
      if (elapsedMs > settleMs) throw failed(said);
      await clock.sleep(50, signal);
    }
  }

  const upsertAll = async () => acknowledged(await client.upsert(collection, records, call), "written");

  return {
    async write() {
      await removeLeftovers(client, clock.nowMs());
      touched = true;
      const { vector } = cluster.store;
      await client.ensureCollection(collection, { size: dim, distance: "Cosine", ...(vector === undefined ? {} : { vector }) });
      await upsertAll();
      const expected = await expectedByNode();
      let copies = 0;
      await settled(async () => {
        copies = 0;
        for (const [node, wanted] of expected) {
          const held = await heldBy(node, wanted);
          const missing = wanted.filter((key) => !held.has(key));
          if (missing.length > 0)
            return `${node} acknowledged ${plural(wanted.length, "point")} and lacks ${missing.length} of them`;
          copies += wanted.length;
        }
        return undefined;
      });
      const where =
        expected.size === 1
          ? "on its one node"
          : `found on every replica (${plural(copies, "copy")} on ${plural(expected.size, "node")})`;
      return `${plural(records.length, "point")} in ${collection}, ${where}`;
    },

    async search() {
      const lateMs = await settled(async () => {
        for (const { key, vector } of records) {
          const { hits, partial } = await client.search(client.prepareSearch(collection, vector, { k: 1 }), call);
          if (partial) return `an answer misses ${(partial.missingShare * 100).toFixed(1)} % of the points`;
          if (String(hits[0]?.id) !== key)
            return `the best hit for point ${key}'s own vector is ${hits[0] ? `point ${hits[0].id}` : "nothing"}`;
        }
        return undefined;
      });
      return `each of ${records.length} points is the best hit for its own vector${lateMs > 1000 ? `, after ${Math.round(lateMs)} ms` : ""}`;
    },

    async delete() {
      acknowledged(await client.delete(collection, keys, call), "deleted");
      await settled(async () => {
        for (const node of nodes) {
          const held = await heldBy(node, keys);
          if (held.size > 0) return `${node} still has ${held.size} of ${plural(keys.length, "deleted point")}`;
        }
        return undefined;
      });
      return `gone from ${nodes.length === 1 ? "the node" : `all ${nodes.length} nodes`}`;
    },

    async refill() {
      await upsertAll();
    },

    async drop() {
      if (!touched) return "nothing was made";
      await client.dropCollection(collection);
      return `${collection} dropped`;
    },
  };
}

async function removeLeftovers(client: ClusterClient, nowMs: number): Promise<void> {
  for (const name of leftovers(await client.collections(), nowMs)) await client.dropCollection(name);
}

/** Points around a few centres, as embeddings lie; their keys are small integers, so that key and id are one. */
function canaryRecords(count: number, rng: Rng): WriteRecord[] {
  const random = () => Float32Array.from({ length: dim }, () => rng() * 2 - 1);
  const centres = Array.from({ length: clusters }, random);
  return Array.from({ length: count }, (_, at) => {
    const noise = random();
    return { key: String(at + 1), vector: centres[at % clusters]!.map((x, i) => x + 0.3 * noise[i]!), payload: { canary: true } };
  });
}

function acknowledged({ failed: missed, markedStale }: WriteResult, what: string): void {
  const first = missed[0];
  if (first) throw failed(`${plural(missed.length, "point")} could not be ${what}: ${first.reason}`);
  if (markedStale.length > 0) throw failed(`${markedStale.join(", ")} missed a write and was marked stale`);
}

function failed(message: string): RagctlError {
  return new RagctlError(message, { code: "smoke-canary", exitCode: ExitCode.failed });
}
