import type { Rng } from "../runtime.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { chooseCover, missingShare, ownersToAsk, substitutes, type Cover } from "../sharding/cover.ts";
import type { CoverSet, Routing } from "../sharding/owners.ts";
import { field } from "../sharding/table.ts";
import type { DataFace, Hit, SearchOptions, Vector } from "../stores/contract.ts";
import type { PreparedRequest } from "../http/contract.ts";
import { admittedShare } from "./breaker.ts";
import { worstFirst } from "./balancer.ts";
import type { ClusterDeps } from "./deps.ts";
import type { CallOptions, NodeOutcome, PreparedSearch, SearchResult } from "./contract.ts";
import { mergeHits, type NodeHits } from "./merge.ts";
import type { ClusterNode, NodeAnswer, NodeFailure } from "./nodes.ts";
import type { View } from "./watch.ts";

/** What `prepareSearch` makes: the bytes that go to every node, and what is needed to make them again with a larger k. */
export interface RoutedSearch extends PreparedSearch {
  readonly face: DataFace;
  readonly vector: Vector;
  readonly request: PreparedRequest;
}

const stamped = [field.key, field.hash, field.version, field.cell];
/** A first attempt gets this part of the time, where there is somebody else to ask afterwards. */
const firstAttempt = 0.4;
const deepestFactor = 64;

/** @param options as the caller gave them; the fields that merging needs are asked for besides */
export function prepareRoutedSearch(face: DataFace, collection: string, vector: Vector, options: SearchOptions): RoutedSearch {
  return { collection, options, face, vector, request: face.prepareSearch(vector, withStamps(options)) };
}

function withStamps(options: SearchOptions): SearchOptions {
  const { withPayload } = options;
  if (withPayload === true) return options;
  return { ...options, withPayload: [...new Set([...(withPayload || []), ...stamped])] };
}

/** What the choice of a cover looks at, by index into the routing's nodes. Made once a view. */
export interface Reader {
  readonly nodes: readonly ClusterNode[];
  readonly covers: Map<string, Cover>;
}

/**
 * One search of a routed collection: asks a cover of the serving owners, asks others for what fails, and merges.
 * @throws RagctlError exit 3 where nothing answered, or every node refused the request
 */
export async function searchRouted(
  deps: ClusterDeps,
  view: View,
  reader: Reader,
  search: RoutedSearch,
  options: CallOptions,
): Promise<SearchResult> {
  const scatter = new Scatter(deps, view, reader, search, options);
  return await scatter.run();
}

class Scatter {
  readonly #deps: ClusterDeps;
  readonly #routing: Routing;
  readonly #reader: Reader;
  readonly #search: RoutedSearch;
  readonly #options: CallOptions;
  readonly #covers: readonly CoverSet[];
  readonly #outcomes: NodeOutcome[] = [];
  readonly #answers: NodeHits[] = [];
  readonly #asked = new Set<number>();
  readonly #failed = new Map<number, NodeFailure>();
  readonly #unavailable: number[] = [];
  readonly #worstFirst: number[];
  readonly #q: number;
  readonly #deadlineUs: number;
  readonly #timeoutMs: number;

  constructor(deps: ClusterDeps, view: View, reader: Reader, search: RoutedSearch, options: CallOptions) {
    this.#deps = deps;
    this.#routing = view.routing;
    this.#reader = reader;
    this.#search = search;
    this.#options = options;
    const { table } = view.routing;
    this.#q = ownersToAsk(deps.level, table.replicas);
    this.#timeoutMs = options.timeoutMs ?? deps.requestTimeoutMs;
    this.#deadlineUs = deps.clock.monotonicUs() + this.#timeoutMs * 1000;
    this.#covers = coversOf(view.routing, search.vector);
    this.#worstFirst = rank(deps, reader.nodes, this.#unavailable);
  }

  async run(): Promise<SearchResult> {
    const { table } = this.#routing;
    const { ask } = this.#cover();
    // Where nobody else could be asked after it, an attempt may take all the time there is.
    const attemptMs = this.#q < table.replicas ? this.#timeoutMs * firstAttempt : this.#timeoutMs;
    await Promise.all(ask.map((node) => this.#ask(node, attemptMs)));
    this.#options.signal?.throwIfAborted();
    if (this.#answers.length === 0 && this.#covers.length > 0) throw this.#nothingAnswered();
    const hits = await this.#merge();
    const answered = new Set(this.#answers.map(({ node }) => node));
    const missing = this.#covers === this.#routing.covers ? this.#routing.unservedShare : this.#unservedOfProbed();
    const missed =
      missing + (this.#failed.size + this.#unavailable.length > 0 ? missingShare(this.#covers, (node) => answered.has(node)) : 0);
    return missed > 0
      ? { hits, partial: { missingShare: Math.min(1, missed) }, requests: this.#outcomes }
      : { hits, requests: this.#outcomes };
  }

  /** The cover for the present order of the nodes; those of whole collections are remembered. */
  #cover(): Cover {
    const { table } = this.#routing;
    const onRing = table.partitioner.kind === "ring" || table.partitioner.kind === "rendezvous";
    const maxLeftOut = onRing ? table.replicas - this.#q : this.#reader.nodes.length;
    // Few of the worst decide which are left out; the order of the others hardly matters, and would fill the memory.
    const order = this.#worstFirst.slice(0, onRing ? 2 * maxLeftOut + 2 : undefined);
    const choose = () =>
      chooseCover({ covers: this.#covers, q: this.#q, unavailable: this.#unavailable, worstFirst: order, maxLeftOut });
    if (this.#covers !== this.#routing.covers) return choose();
    const key = `${order.join(",")}|${this.#unavailable.join(",")}`;
    let cover = this.#reader.covers.get(key);
    if (!cover) {
      if (this.#reader.covers.size >= 1000) this.#reader.covers.clear();
      this.#reader.covers.set(key, (cover = choose()));
    }
    return cover;
  }

  /** Asks one node; when it fails, whoever is needed in its place, at once. */
  async #ask(node: number, timeoutMs: number): Promise<void> {
    this.#asked.add(node);
    const { face, request, options } = this.#search;
    const answer = await this.#send(node, request, timeoutMs);
    if (!answer.failure) {
      this.#answers.push({ node, hits: face.parseSearch(answer.body), k: options.k });
      return;
    }
    this.#failed.set(node, answer.failure);
    if (this.#options.signal?.aborted) return;
    const candidates = this.#worstFirst
      .filter((other) => !this.#asked.has(other) && !this.#unavailable.includes(other))
      .reverse();
    const hopeful = (other: number) => this.#asked.has(other) && !this.#failed.has(other);
    const others = substitutes(this.#covers, node, this.#q, hopeful, candidates);
    const leftMs = (this.#deadlineUs - this.#deps.clock.monotonicUs()) / 1000;
    if (leftMs <= 0) return;
    if (others.length > 0) await Promise.all(others.map((other) => this.#ask(other, leftMs)));
    // Nobody else has some of it: the same node once more, unless it hangs (a kept-alive connection may just have been closed).
    const alone = this.#covers.some(({ read }) => read.includes(node) && !read.some(hopeful));
    if (!alone || answer.failure.timeout || answer.failure.fatal) return;
    const again = await this.#send(node, request, leftMs);
    if (again.failure) return;
    this.#failed.delete(node);
    this.#answers.push({ node, hits: face.parseSearch(again.body), k: options.k });
  }

  #send(node: number, request: PreparedRequest, timeoutMs: number): Promise<NodeAnswer> {
    const options = { timeoutMs: Math.max(1, timeoutMs), signal: this.#options.signal };
    return this.#deps.nodes.send(this.#reader.nodes[node]!, this.#search.face, request, options, this.#outcomes);
  }

  /** Merges; where hits that were dropped left a node's answer too short to be sure, asks it again, deeper. */
  async #merge(): Promise<Hit[]> {
    const { face, options, vector } = this.#search;
    const { table } = this.#routing;
    const positionField = table.partitioner.kind === "semantic" ? field.cell : field.hash;
    for (;;) {
      const merged = mergeHits(this.#answers, options.k, table.vector.distance, positionField, this.#routing.serves);
      this.#deps.versions.saw(merged.highestVersion);
      const deeper = this.#answers.filter(({ node, k }) => merged.askDeeper.includes(node) && k < options.k * deepestFactor);
      const leftMs = (this.#deadlineUs - this.#deps.clock.monotonicUs()) / 1000;
      if (deeper.length === 0 || leftMs <= 0) return merged.hits;
      await Promise.all(
        deeper.map(async (answer) => {
          const k = answer.k * 4;
          const again = await this.#send(answer.node, face.prepareSearch(vector, withStamps({ ...options, k })), leftMs);
          const at = this.#answers.indexOf(answer);
          // A failure here leaves what is known, and does not ask again.
          this.#answers[at] = again.failure
            ? { ...answer, k: Infinity }
            : { node: answer.node, hits: face.parseSearch(again.body), k };
        }),
      );
    }
  }

  /** Of the cells that were probed, the share without a serving owner. */
  #unservedOfProbed(): number {
    return Math.max(0, 1 - this.#covers.reduce((sum, { share }) => sum + share, 0));
  }

  #nothingAnswered(): RagctlError {
    const failures = [...this.#failed.values()];
    const refused = failures.find(({ fatal }) => fatal);
    const { collection } = this.#search;
    const why = (refused ?? failures[0])?.message ?? "every node that could is held back by its circuit breaker";
    return new RagctlError(refused ? `The search was refused: ${why}` : `No node answered the search of ${collection}: ${why}`, {
      code: refused ? "search-refused" : "cluster-unreachable",
      exitCode: ExitCode.unreachable,
      hint: refused ? "Check the vector's size and the filter." : "ragctl status shows every node.",
      details: { requests: this.#outcomes },
    });
  }
}

/** The covers that a search must satisfy: of the whole collection, or of the probed cells alone, their shares scaled to 1. */
function coversOf(routing: Routing, vector: Vector): readonly CoverSet[] {
  const { partitioner } = routing.table;
  if (partitioner.kind !== "semantic" || partitioner.probes === undefined) return routing.covers;
  const cells = routing.stamper.cellsOf(vector, partitioner.probes);
  return cells.flatMap((cell) => {
    const { read } = routing.setAt(cell);
    return read.length > 0 ? [{ read, share: 1 / cells.length }] : [];
  });
}

/** Nodes by score, the worst first; open breakers go to `unavailable`, half-open ones to the front unless their share lets this one through. */
export function rank(deps: ClusterDeps, nodes: readonly ClusterNode[], unavailable: number[]): number[] {
  const nowMs = deps.clock.nowMs();
  const nowUs = deps.clock.monotonicUs();
  const random: Rng = deps.rng;
  const scores = nodes.map((node, index) => {
    const admitted = admittedShare(node.breaker, nowMs);
    if (admitted === 0) unavailable.push(index);
    return deps.nodes.scoreOf(node, nowMs, nowUs) + (admitted < 1 && random() >= admitted ? 1e9 : 0);
  });
  return worstFirst(scores, random);
}
