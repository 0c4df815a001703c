import type { Routing } from "../sharding/owners.ts";
import type { Move } from "../sharding/table.ts";
import type { Filter, PointId } from "../stores/contract.ts";
import type { Carrier, Haul } from "./carry.ts";
import type { Manner } from "./io.ts";
import { anyOf, axesOf, selectorFilters } from "./positions.ts";
import { servesAll } from "./sources.ts";
import type { TouchedLog } from "./touched-log.ts";

/** What a tracked copy copies, whatever the number of its sources and targets: one log of touched keys speaks of it all. */
export interface Freight {
  readonly name: string;
  readonly log: TouchedLog;
  /** Nodes that are read. */
  readonly sources: readonly string[];
  /** Whether each source still serves all that is read from it. */
  ready(routing: Routing): boolean;
  copyAll(routing: Routing, onPage: (cursor: PointId | undefined) => void): Promise<void>;
  /** Makes these ids on the targets what they are on the sources: there, or not there. */
  carry(routing: Routing, ids: readonly PointId[], manner?: Manner): Promise<void>;
  /** Ids that sources and targets hold differently. */
  compareAll(routing: Routing): Promise<PointId[]>;
  compareIds(routing: Routing, ids: readonly PointId[], manner: Manner): Promise<PointId[]>;
  /** Takes away what stands in the way of these ids on the targets, and belongs to nobody. */
  clearForeign(routing: Routing, ids: readonly PointId[]): Promise<void>;
}

/** One move: from one node to one other. */
export class MoveFreight implements Freight {
  readonly name: string;
  readonly log: TouchedLog;
  readonly sources: readonly string[];
  readonly #haul: Haul;
  readonly #carrier: Carrier;

  constructor(move: Move, onlyIf: Filter | undefined, carrier: Carrier, log: TouchedLog) {
    this.name = move.id;
    this.log = log;
    this.sources = [move.from];
    this.#haul = { ...move, onlyIf };
    this.#carrier = carrier;
  }

  ready(routing: Routing): boolean {
    const { from, selector, into } = this.#haul;
    return servesAll(routing, from, selector, into);
  }

  copyAll(routing: Routing, onPage: (cursor: PointId | undefined) => void): Promise<void> {
    return this.#carrier.copyAll(this.#haul, routing, onPage);
  }

  carry(routing: Routing, ids: readonly PointId[], manner?: Manner): Promise<void> {
    return this.#carrier.carry(this.#haul, routing, ids, manner);
  }

  compareAll(routing: Routing): Promise<PointId[]> {
    return this.#carrier.compareAll(this.#haul, routing);
  }

  compareIds(routing: Routing, ids: readonly PointId[], manner: Manner): Promise<PointId[]> {
    return this.#carrier.compareIds(this.#haul, routing, ids, manner);
  }

  clearForeign(routing: Routing, ids: readonly PointId[]): Promise<void> {
    return this.#carrier.clearForeign(this.#haul, routing, ids);
  }
}

/**
 * Which existing points of its target a mover may replace where a key can be somewhere else by a new vector: those of what it moves. What is
 * of another cell there is newer, since every write takes the key away from everywhere else before it is acknowledged.
 */
export function replaceable({ selector, into }: Pick<Move, "selector" | "into">, routing: Routing): Filter | undefined {
  if (!routing.elsewhere) return undefined;
  const axes = axesOf(routing);
  // A hash stays with its key: only cells can differ.
  const everything = { kind: "ranges" as const, ranges: [[0, axes.own.space] as [number, number]] };
  const own = axes.own.coordinate === "cell" ? selectorFilters(selector, axes) : [];
  const to = into && axes.to?.coordinate === "cell" ? selectorFilters(everything, axes, into) : [];
  const parts = [own, to].filter((filters) => filters.length > 0).map(anyOf);
  return parts.length === 0 ? undefined : { must: parts };
}
