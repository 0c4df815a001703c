import { belowShare, missingShare, substitutes } from "../sharding/cover.ts";
import type { CoverSet } from "../sharding/owners.ts";

const untouched = 0;
const asked = 1;
const slow = 2;
const answered = 3;
const failed = 4;

/** What has become of each node within one search, and what that means for its covers. Pure bookkeeping. */
export class SearchProgress {
  readonly #covers: readonly CoverSet[];
  readonly #q: number;
  readonly #state: Uint8Array;

  /** @param q serving owners to ask of each point */
  constructor(covers: readonly CoverSet[], q: number, nodes: number) {
    this.#covers = covers;
    this.#q = q;
    this.#state = new Uint8Array(nodes);
  }

  ask(node: number): void {
    this.#state[node] = asked;
  }

  /** Asked, and others were asked in its place since. It may still answer first. */
  slow(node: number): void {
    this.#state[node] = slow;
  }

  answer(node: number): void {
    this.#state[node] = answered;
  }

  fail(node: number): void {
    this.#state[node] = failed;
  }

  /** Nodes that were asked, and have neither answered nor failed. */
  underWay(): number[] {
    return [...this.#state.keys()].filter((node) => this.#state[node] === asked || this.#state[node] === slow);
  }

  isUntouched(node: number): boolean {
    return this.#state[node] === untouched;
  }

  isHopeful(node: number): boolean {
    return this.#state[node] === asked || this.#state[node] === answered;
  }

  /** Every position has its answers, as far as its owners can give any. */
  isSatisfied(): boolean {
    return this.#covers.every(({ read }) => {
      let have = 0;
      let possible = 0;
      for (const node of read) {
        if (this.#state[node] === answered) have++;
        if (this.#state[node] !== failed) possible++;
      }
      return have >= Math.min(this.#q, possible);
    });
  }

  /** Whether enough others are asked already for everything that the node has. */
  isSpared(node: number): boolean {
    return this.#covers.every(
      ({ read }) => !read.includes(node) || read.filter((other) => other !== node && this.isHopeful(other)).length >= this.#q,
    );
  }

  /** Whether nobody else is left for some of what the node has. */
  isAlone(node: number): boolean {
    return this.#covers.some(({ read }) => read.includes(node) && !read.some((other) => this.isHopeful(other)));
  }

  /** Who of the candidates could answer for what that node does not, besides those who were asked already. */
  substitutes(node: number, candidates: readonly number[]): readonly number[] {
    return substitutes(this.#covers, node, this.#q, (other) => other !== node && this.isHopeful(other), candidates);
  }

  /**
   * What the answers are short of.
   * @param troubled false: all were asked that serve, and all answered
   * @returns the share of the positions of which nobody answered, and of those of which fewer owners did than asked for
   */
  shortOf(troubled: boolean): { missing: number; below: number } {
    const didAnswer = (node: number) => this.#state[node] === answered;
    return {
      missing: troubled ? missingShare(this.#covers, didAnswer) : 0,
      // Without trouble only too few that serve can be the reason, which the level one never minds.
      below: this.#q === 1 ? 0 : belowShare(this.#covers, this.#q, troubled ? didAnswer : () => true),
    };
  }
}
