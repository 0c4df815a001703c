import { runAfter } from "../runtime.ts";
import { ownersToAsk } from "../sharding/cover.ts";
import type { CoverSet, Routing } from "../sharding/owners.ts";
import type { Hit, SearchOptions } from "../stores/contract.ts";
import type { PreparedRequest } from "../http/contract.ts";
import { slowPart } from "./attempt.ts";
import type { ClusterDeps } from "./deps.ts";
import type { CallOptions, NodeOutcome, SearchResult } from "./contract.ts";
import { hedgeAfterUs, hedgeEarns } from "./hedge.ts";
import { mergeHits, type NodeHits } from "./merge.ts";
import type { NodeAnswer, NodeFailure } from "./node.ts";
import { rank } from "./rank.ts";
import { withStampFields } from "./records.ts";
import { coverOf, type Reader } from "./search-cover.ts";
import { nothingAnswered } from "./search-failure.ts";
import { SearchProgress } from "./search-progress.ts";
import { asking, probing, type RoutedSearch } from "./search-request.ts";
import type { Attempt } from "./silence.ts";
import { addTokens, takeTokens } from "./token-bucket.ts";
import type { View } from "./watch.ts";

/** However long a node asks to be left alone. */
const longestWaitMs = 1_000;
const deepestFactor = 64;

/**
 * One search of a routed collection: asks a cover of the serving owners, asks others for what fails or takes long, and merges.
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
  readonly #request: PreparedRequest;
  /** As the caller gave them, and among the probed cells alone. */
  readonly #asked: SearchOptions;
  readonly #outcomes: NodeOutcome[] = [];
  readonly #answers: NodeHits[] = [];
  readonly #progress: SearchProgress;
  readonly #attempts: (Attempt | undefined)[] = [];
  readonly #failures: NodeFailure[] = [];
  /** Nodes whose breaker is open: asked only where nobody else can answer. */
  readonly #open: number[] = [];
  /** Nodes whose breaker lets a step of the traffic through, and not this search. */
  readonly #heldBack: number[] = [];
  readonly #worstFirst: number[];
  readonly #q: number;
  readonly #deadlineUs: number;
  readonly #timeoutMs: number;
  readonly #ended = Promise.withResolvers<void>();
  #pending = 0;
  /** Somebody was asked in place of a slow node: the last answer may not be needed. */
  #doubled = false;
  #over = false;

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
    const { covers, options: asked, request } = probing(search, view.routing);
    this.#covers = covers;
    this.#request = request;
    this.#asked = asked;
    this.#worstFirst = rank(deps, reader.nodes, this.#open, this.#heldBack);
    this.#progress = new SearchProgress(covers, this.#q, reader.nodes.length);
  }

  async run(): Promise<SearchResult> {
    const standing = { open: this.#open, heldBack: this.#heldBack, worstFirst: this.#worstFirst };
    for (const node of coverOf(this.#reader, this.#routing, this.#covers, this.#q, standing)) this.#start(node);
    if (this.#pending > 0) await this.#ended.promise;
    this.#options.signal?.throwIfAborted();
    if (this.#answers.length === 0 && this.#covers.length > 0)
      throw nothingAnswered(this.#search.collection, this.#failures, this.#outcomes);
    const hits = await this.#merge();
    return { hits, ...this.#shortcomings(), requests: this.#outcomes };
  }

  #start(node: number): void {
    this.#pending++;
    this.#ask(node).then(
      () => {
        this.#pending--;
        if (this.#pending === 0 || (this.#doubled && this.#progress.isSatisfied())) this.#end();
      },
      (error: unknown) => this.#ended.reject(error),
    );
  }

  /** What has not answered by now is not waited for. It goes on by itself: to cut it off would cost its connection, and teach nothing about the node. */
  #end(): void {
    if (this.#over) return;
    this.#over = true;
    const endUs = this.#deps.clock.monotonicUs();
    for (const node of this.#progress.underWay())
      this.#outcomes.push({
        node: this.#reader.nodes[node]!.id,
        sentUs: this.#attempts[node]!.beganUs,
        endUs,
        outcome: "cancelled",
        detail: "others answered first",
      });
    this.#ended.resolve();
  }

  /** Asks one node; when it fails, whoever is needed in its place, at once. */
  async #ask(node: number): Promise<void> {
    const { nodes, clock } = this.#deps;
    this.#progress.ask(node);
    const attempt = nodes.newAttempt();
    this.#attempts[node] = attempt;
    const watch = this.#watch(node, attempt);
    let answer = await this.#send(node, this.#request, attempt);
    watch.cancel();
    if (this.#over) return;
    if (answer.failure && !this.#options.signal?.aborted) {
      this.#progress.fail(node);
      this.#failures.push(answer.failure);
      for (const other of this.#others(node, this.#candidates())) this.#start(other);
      const { timeout, fatal, overload, retryAfterMs, notDone } = answer.failure;
      // Nobody else has some of it: the same node once more, unless it hangs (a kept-alive connection may just have been closed).
      if (!this.#progress.isAlone(node) || timeout || fatal || overload || this.#leftMs() <= 0) return;
      if (retryAfterMs !== undefined || notDone)
        await clock.sleep(Math.min(retryAfterMs ?? 0, longestWaitMs, this.#leftMs() / 2));
      if (this.#over) return;
      answer = await this.#send(node, this.#request, nodes.newAttempt());
    }
    if (this.#over) return;
    if (answer.failure) {
      this.#progress.fail(node);
      return;
    }
    const { face, options } = this.#search;
    this.#answers.push({ node, hits: face.parseSearch(answer.body), k: options.k });
    this.#progress.answer(node);
  }

  /** While a node is silent: after its p95 others are asked too, as far as the budget goes; once it is slow, whatever the budget. */
  #watch(node: number, attempt: Attempt): { cancel(): void } {
    const { clock, nodes, hedge } = this.#deps;
    const slowAfterUs = this.#timeoutMs * 1000 * slowPart;
    const target = this.#reader.nodes[node]!;
    const state = { cancel: () => {} };
    const onSlow = () => {
      nodes.slow(target, attempt);
      if (this.#over) return;
      const lively = this.#candidates().filter((other) => this.#lively(other, attempt));
      this.#double(node, this.#others(node, lively));
      // Who was not worth asking now may be a little later.
      state.cancel = runAfter(clock, slowAfterUs / 2000, onSlow);
    };
    // It hangs: there is nothing to weigh.
    const deaf = target.silence.listen(() => {
      if (!this.#over) this.#double(node, this.#others(node, this.#candidates()));
    });
    addTokens(hedge.budget, hedgeEarns);
    const { p95Us } = target.latencies;
    const hedgeUs = this.#doubled
      ? undefined
      : hedgeAfterUs({ mode: hedge.mode, p95Us, slowAfterUs, tokens: hedge.budget.tokens });
    if (hedgeUs === undefined) state.cancel = runAfter(clock, slowAfterUs / 1000, onSlow);
    else
      state.cancel = runAfter(clock, hedgeUs / 1000, () => {
        state.cancel = runAfter(clock, (slowAfterUs - hedgeUs) / 1000, onSlow);
        if (this.#over) return;
        const others = this.#others(node, this.#candidates(true));
        if (takeTokens(hedge.budget, clock.monotonicUs(), others.length)) this.#double(node, others);
      });
    return {
      cancel: () => {
        deaf();
        state.cancel();
      },
    };
  }

  /** From now on the node is not waited for, where others can answer in its place, or have. */
  #double(node: number, others: readonly number[]): void {
    if (others.length === 0 && !this.#progress.isSpared(node)) return;
    this.#doubled = true;
    if (others.length > 0) this.#deps.nodes.hedged(this.#reader.nodes[node]!);
    this.#progress.slow(node);
    for (const other of others) this.#start(other);
    if (this.#progress.isSatisfied()) this.#end();
  }

  /** Who could answer for what that node does not, besides those who were asked already. */
  #others(node: number, candidates: readonly number[]): readonly number[] {
    if (this.#leftMs() <= 0) return [];
    return this.#progress.substitutes(node, candidates);
  }

  /** Nodes that were not asked yet, the best first; those with an open breaker last, and not among those that are `well`. */
  #candidates(well = false): number[] {
    const free = this.#worstFirst.filter((node) => this.#progress.isUntouched(node)).reverse();
    const closed = free.filter((node) => !this.#open.includes(node));
    if (!well) return [...closed, ...free.filter((node) => this.#open.includes(node))];
    return closed.filter((node) => {
      const { stats, gate } = this.#reader.nodes[node]!;
      return stats.failures === 0 && gate.free;
    });
  }

  /** Whether it is worth asking in place of a slow one: not where it is silent itself, or has no place free. All nodes slow at once need less to do, not more. */
  #lively(node: number, since: Attempt): boolean {
    const { stats, gate } = this.#reader.nodes[node]!;
    return gate.free && (stats.inFlight === 0 || stats.measuredAtUs > since.beganUs);
  }

  #leftMs(): number {
    return (this.#deadlineUs - this.#deps.clock.monotonicUs()) / 1000;
  }

  async #send(node: number, request: PreparedRequest, attempt: Attempt, told = false): Promise<NodeAnswer> {
    const options = { timeoutMs: Math.max(1, this.#leftMs()), signal: this.#options.signal, attempt };
    const outcomes: NodeOutcome[] = [];
    const answer = await this.#deps.nodes.send(this.#reader.nodes[node]!, this.#search.face, request, options, outcomes);
    if (told || !this.#over) this.#outcomes.push(...outcomes);
    return answer;
  }

  /** What the answer is short of: positions of which nobody answered, and those of which fewer owners did than the level asks for. */
  #shortcomings(): Pick<SearchResult, "partial" | "belowConsistency"> {
    const whole = this.#covers === this.#routing.covers;
    const unserved = whole ? this.#routing.unservedShare : this.#unservedOfProbed();
    const troubled = this.#doubled || this.#failures.length + this.#open.length > 0;
    const { missing: unanswered, below } = this.#progress.shortOf(troubled);
    const missing = unserved + unanswered;
    return {
      ...(missing > 0 ? { partial: { missingShare: Math.min(1, missing) } } : {}),
      ...(below > 0 ? { belowConsistency: { share: below } } : {}),
    };
  }

  /** Merges; where hits that were dropped left a node's answer too short to be sure, asks it again, deeper. */
  async #merge(): Promise<Hit[]> {
    const { face, options, vector } = this.#search;
    const { table } = this.#routing;
    const { placeOf, serves } = this.#routing;
    for (;;) {
      const merged = mergeHits(this.#answers, options.k, table.vector.distance, placeOf, serves);
      this.#deps.versions.saw(merged.highestVersion);
      const deeper = this.#answers.filter(({ node, k }) => merged.askDeeper.includes(node) && k < options.k * deepestFactor);
      if (deeper.length === 0 || this.#leftMs() <= 0) return merged.hits;
      await Promise.all(
        deeper.map(async (answer) => {
          const k = answer.k * 4;
          const request = face.prepareSearch(vector, asking({ ...this.#asked, k }, withStampFields(options.withPayload, table)));
          const again = await this.#send(answer.node, request, this.#deps.nodes.newAttempt(), true);
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
    const missing = 1 - this.#covers.reduce((sum, { share }) => sum + share, 0);
    // Seven sevenths are not quite one.
    return missing < 1e-9 ? 0 : missing;
  }
}
