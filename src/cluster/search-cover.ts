import { chooseCover, fillUp } from "../sharding/cover.ts";
import type { CoverSet, Routing } from "../sharding/owners.ts";
import type { ClusterNode } from "./node.ts";

/** What the choice of a cover looks at, by index into the routing's nodes. Made once a view. */
export interface Reader {
  readonly nodes: readonly ClusterNode[];
  /** Nodes to ask, by what is known of the nodes. */
  readonly covers: Map<string, readonly number[]>;
}

/** How the nodes stand when a search begins. */
export interface Standing {
  /** Nodes whose breaker is open: asked only where nobody else can answer. */
  open: readonly number[];
  /** Nodes whose breaker lets a step of the traffic through, and not this search. */
  heldBack: readonly number[];
  worstFirst: readonly number[];
}

/**
 * The nodes to ask first, for the present order of the nodes; those of whole collections are remembered.
 * @param covers what the search must satisfy
 * @param q serving owners to ask of each point
 */
export function coverOf(
  reader: Reader,
  routing: Routing,
  covers: readonly CoverSet[],
  q: number,
  { open, heldBack, worstFirst }: Standing,
): readonly number[] {
  const { table } = routing;
  const onRing = !routing.next && (table.partitioner.kind === "ring" || table.partitioner.kind === "rendezvous");
  // Where whole zones are in trouble, more nodes can be left out than of a ring where every set of owners occurs.
  const troubled = open.length + heldBack.length;
  const maxLeftOut = onRing ? table.replicas - q + troubled : reader.nodes.length;
  // Few of the worst decide which are left out; the order of the others hardly matters, and would fill the memory.
  const order = worstFirst.slice(0, onRing ? 2 * maxLeftOut + 2 : undefined);
  const choose = () => {
    const { ask } = chooseCover({ covers, q, unavailable: open, worstFirst: order, maxLeftOut });
    // An open breaker prefers others. Where there are none it is overruled, for as few requests as `send` lets through.
    return open.length === 0 ? ask : [...ask, ...fillUp(covers, q, (node) => ask.includes(node), open)];
  };
  if (covers !== routing.covers) return choose();
  const key = `${order.join(",")}|${open.join(",")}|${maxLeftOut}`;
  let cover = reader.covers.get(key);
  if (!cover) {
    if (reader.covers.size >= 1000) reader.covers.clear();
    reader.covers.set(key, (cover = choose()));
  }
  return cover;
}
