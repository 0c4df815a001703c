import type { ClusterClient } from "../../cluster/contract.ts";
import { connectCluster } from "../../cluster/index.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { usageError } from "../../errors.ts";
import { sampleOwnPoints } from "../../load/feeds/queries.ts";
import { prepareHistograms } from "../../load/recorder/histogram.ts";
import { Tally } from "../../load/recorder/tally.ts";
import { evaluateThreshold, type ThresholdResult } from "../../load/thresholds/evaluate.ts";
import { seededRng, type Clock, type Rng } from "../../runtime.ts";
import type { Vector } from "../../stores/contract.ts";
import { formatDurationUs, formatPercent } from "../../units.ts";
import type { StopLimit } from "./stop-conditions.ts";

/** Ten searches a second cost a cluster nothing, and tell within two seconds. */
const everyMs = 100;
const windowMs = 10_000;
/** From so many answers on they are judged. */
export const judgedFrom = 20;
const vectors = 100;

/** A search as it went: `latencyUs` undefined while it is under way, null where it failed. */
interface Search {
  startUs: number;
  latencyUs?: number | null;
}

/** The last ten seconds of searches, held against limits. */
export class CanaryWindow {
  #searches: Search[] = [];
  readonly #tally = new Tally();

  /** @returns called with whether it was answered whole, when it ends */
  begin(nowUs: number): (ok: boolean, endUs: number) => void {
    const search: Search = { startUs: nowUs };
    this.#searches.push(search);
    return (ok, endUs) => (search.latencyUs = ok ? endUs - search.startUs : null);
  }

  /** The first condition that holds; undefined where none does, or too little is known. */
  broken(limits: readonly StopLimit[], nowUs: number): string | undefined {
    this.#searches = this.#searches.filter(({ startUs }) => nowUs - startUs <= windowMs * 1000);
    for (const { condition, threshold } of limits) {
      // One under way for longer than a latency's limit is late, however it ends.
      const late = ({ startUs }: Search) => threshold.metric === "latency" && nowUs - startUs > threshold.limitUs;
      const counted = this.#searches.filter((search) => search.latencyUs !== undefined || late(search));
      if (counted.length < judgedFrom) continue;
      this.#fill(counted);
      const result = evaluateThreshold(threshold, this.#tally);
      if (!result.ok) return `${condition}: ${shown(result)} of the last ${counted.length} canary searches`;
    }
    return undefined;
  }

  get answers(): number {
    return this.#searches.filter(({ latencyUs }) => latencyUs !== undefined).length;
  }

  #fill(searches: readonly Search[]): void {
    const tally = this.#tally;
    tally.reset();
    for (const { latencyUs } of searches) {
      tally.counts.scheduled++;
      if (latencyUs === undefined) continue;
      tally.counts.completed++;
      if (latencyUs === null) continue;
      tally.counts.ok++;
      tally.response.record(Math.max(1, Math.round(latencyUs)));
      tally.service.record(Math.max(1, Math.round(latencyUs)));
    }
  }

  destroy(): void {
    this.#tally.destroy();
  }
}

function shown({ actual, unit }: ThresholdResult): string {
  return unit === "us" ? formatDurationUs(actual ?? Number.POSITIVE_INFINITY) : formatPercent(actual ?? 0);
}

export interface Canary {
  broken(limits: readonly StopLimit[]): string | undefined;
  readonly answers: number;
  end(): Promise<void>;
}

/**
 * Searches a collection for its own points, ten times a second, through the same client that applications use.
 * @throws RagctlError exit 2 where there is nothing to search, 3 where the cluster does not answer
 */
export async function startCanary(
  { cluster, collection: named }: { cluster: ClusterConfig; collection?: string | undefined },
  { clock, rng, cwd }: { clock: Clock; rng: Rng; cwd: string },
): Promise<Canary> {
  await prepareHistograms();
  const client = await connectCluster(cluster, { clock, rng, cwd, purpose: "chaos canary" });
  const searches = new CanaryWindow();
  const ended = new AbortController();
  let looping: Promise<void>;
  try {
    const collection = named ?? cluster.store.collection ?? (await onlyCollection(client));
    const queries = await ownVectors(client, collection);
    looping = loop(client, collection, queries);
  } catch (error) {
    await client.close();
    throw error;
  }
  return {
    broken: (limits) => searches.broken(limits, clock.monotonicUs()),
    get answers() {
      return searches.answers;
    },
    async end() {
      ended.abort(new Error("the canary ends"));
      await looping;
      await client.close();
      searches.destroy();
    },
  };

  async function loop(of: ClusterClient, collection: string, queries: readonly Vector[]): Promise<void> {
    const under = new Set<Promise<void>>();
    for (let sent = 0; !ended.signal.aborted; sent++) {
      const search = one(of, collection, queries[sent % queries.length]!);
      under.add(search);
      void search.finally(() => under.delete(search));
      await clock.sleep(everyMs, ended.signal, { ref: false }).catch(() => undefined);
    }
    await Promise.all(under);
  }

  async function one(of: ClusterClient, collection: string, vector: Vector): Promise<void> {
    const done = searches.begin(clock.monotonicUs());
    try {
      const { partial } = await of.search(of.prepareSearch(collection, vector, { k: 10 }), { signal: ended.signal });
      done(partial === undefined, clock.monotonicUs());
    } catch {
      if (!ended.signal.aborted) done(false, clock.monotonicUs());
    }
  }
}

async function ownVectors(client: ClusterClient, collection: string): Promise<Vector[]> {
  const { vectors: packed, dim, count } = await sampleOwnPoints(client, collection, { count: vectors, rng: seededRng(1) });
  return Array.from({ length: count }, (_, index) => new Float32Array(packed, 4 * dim * index, dim).slice());
}

async function onlyCollection(client: ClusterClient): Promise<string> {
  const names = await client.collections();
  if (names.length === 1) return names[0]!;
  const message =
    names.length === 0
      ? "canary searches need a collection, and the cluster has none yet: ragctl ingest fills one"
      : `canary searches need one collection, and the cluster has ${names.join(", ")}`;
  throw usageError([{ path: "--stop-if", message }], { hint: "store.collection of the config names it; or --stop-command" });
}
