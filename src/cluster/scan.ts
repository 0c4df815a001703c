import { assignRanges } from "../sharding/assign.ts";
import { field } from "../sharding/table.ts";
import type { Condition, Filter, PointId } from "../stores/contract.ts";
import type { CallOptions, NodeOutcome, StoredRecord } from "./contract.ts";
import type { RoutedDeps } from "./deps.ts";
import type { ClusterNode, NodeAnswer } from "./nodes.ts";
import { recordOf, withStampFields } from "./records.ts";
import { rank, type Reader } from "./search.ts";
import { unreachable } from "./unreachable.ts";
import type { View } from "./watch.ts";
import { noTable } from "./write.ts";
import type { PreparedRequest } from "../http/contract.ts";

type Range = [lo: number, hi: number];

/** Conditions in one filter at most: beyond it, a node is asked in several requests. */
const rangesPerRequest = 200;

/** Reads that must see each point once: counts and scrolls. */
export interface Scans {
  /** @param options `reachable`: counts what can be reached, instead of failing where some cannot */
  count(view: View, filter: Filter | undefined, options: CallOptions & { reachable?: boolean }): Promise<number>;
  scroll(
    collection: string,
    options: CallOptions & { filter?: Filter; pageSize?: number; withVector?: boolean; withPayload?: boolean | string[] },
  ): AsyncIterable<StoredRecord[]>;
}

export interface ScanDeps extends RoutedDeps {
  readonly readerOf: (view: View) => Reader;
}

export function createScans(deps: ScanDeps): Scans {
  const send = (node: ClusterNode, view: View, request: PreparedRequest, options: CallOptions): Promise<NodeAnswer> => {
    const outcomes: NodeOutcome[] = [];
    const timeoutMs = options.timeoutMs ?? deps.requestTimeoutMs;
    return deps.nodes.send(node, deps.face(view.collection), request, { timeoutMs, signal: options.signal }, outcomes);
  };

  /** Gives positions to nodes that have not failed; throws where some have nobody left, unless `reachable` ones are enough. */
  function assign(
    view: View,
    failed: ReadonlySet<string>,
    why: string | undefined,
    within?: readonly Range[],
    reachable = false,
  ) {
    const { nodes } = deps.readerOf(view);
    const unavailable: number[] = [];
    const order = rank(deps, nodes, unavailable);
    const preference = new Map(order.map((node, index) => [node, -index]));
    const usable = (node: number) => !failed.has(nodes[node]!.id);
    const closed = (node: number) => usable(node) && !unavailable.includes(node);
    const give = (to: (node: number) => boolean) =>
      assignRanges(view.routing.segments, to, (node) => preference.get(node)!, within);
    let { ranges, missingShare } = give(closed);
    // An open breaker prefers others; where there are none it is overruled.
    if (missingShare > 0 && unavailable.length > 0) ({ ranges, missingShare } = give(usable));
    if (missingShare > 0 && !reachable) throw unreachable(view.collection, missingShare, why);
    return [...ranges].map(([node, list]) => ({ node: nodes[node]!, ranges: list }));
  }

  return {
    async count(view, filter, options) {
      const face = deps.face(view.collection);
      const failed = new Set<string>();
      let total = 0;
      let why: string | undefined;
      let open: readonly Range[] | undefined;
      do {
        const lost: Range[] = [];
        await Promise.all(
          assign(view, failed, why, open, options.reachable).map(async ({ node, ranges }) => {
            for (const some of portions(ranges)) {
              const answer = await send(node, view, face.prepareCount(selecting(view, some, filter)), options);
              if (!answer.failure) total += face.parseCount(answer.body);
              else {
                options.signal?.throwIfAborted();
                failed.add(node.id);
                why = answer.failure.message;
                lost.push(...some);
              }
            }
          }),
        );
        open = ascending(lost);
      } while (open.length > 0);
      return total;
    },

    async *scroll(collection, options) {
      const { filter, pageSize = 256, withVector = false, withPayload = true } = options;
      // Work that is left: ranges of positions, from an id on. Pages come in ascending order of id, so another replica can go on.
      interface Task {
        ranges: Range[];
        offset?: PointId;
      }
      let tasks: (Task & { node?: string; epoch?: number })[] = [{ ranges: [] }];
      const failed = new Set<string>();
      let first = true;
      let why: string | undefined;

      /** Does the first task, or a part of it; the page that it gave, if any. */
      async function step(view: View): Promise<StoredRecord[]> {
        const task = tasks.shift()!;
        if (task.node === undefined || task.epoch !== view.epoch) {
          const placed = assign(view, failed, why, first ? undefined : task.ranges).flatMap(({ node, ranges }) =>
            portions(ranges).map((some) => Object.assign({}, task, { ranges: some, node: node.id, epoch: view.epoch })),
          );
          first = false;
          tasks = [...placed, ...tasks];
          return [];
        }
        const face = deps.face(collection);
        const within = selecting(view, task.ranges, filter);
        const request = face.prepareScroll({
          limit: pageSize,
          withPayload: withStampFields(withPayload),
          withVector,
          ...(within ? { filter: within } : {}),
          ...(task.offset === undefined ? {} : { offset: task.offset }),
        });
        const answer = await send(deps.nodes.get(task.node), view, request, options);
        options.signal?.throwIfAborted();
        if (answer.failure) {
          failed.add(task.node);
          why = answer.failure.message;
          const { ranges, offset } = task;
          tasks.unshift(offset === undefined ? { ranges } : { ranges, offset });
          return [];
        }
        const { points, next } = face.parseScroll(answer.body);
        if (next !== undefined) tasks.unshift({ ...task, offset: next });
        return points.map(recordOf);
      }

      while (tasks.length > 0) {
        const view = await deps.watch.enter(collection);
        if (!view) throw noTable(collection);
        // Ended before the page is given away: a slow consumer must not keep an old epoch alive.
        const page = await step(view).finally(() => deps.watch.end(view));
        if (page.length > 0) yield page;
      }
    },
  };
}

/** A filter for these positions besides the caller's; none where they are all positions and the caller has none. */
function selecting({ routing }: View, ranges: readonly Range[], filter: Filter | undefined): Filter | undefined {
  const { coordinate, space } = routing.placement;
  const all = ranges.length === 1 && ranges[0]![0] === 0 && ranges[0]![1] === space;
  if (all) return filter;
  const should: Condition[] =
    coordinate === "cell"
      ? [{ key: field.cell, match: { any: ranges.flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, i) => lo + i)) } }]
      : ranges.map(([gte, lt]) => ({ key: field.hash, range: { gte, lt } }));
  const positions: Condition = should.length === 1 ? should[0]! : { should };
  return { must: filter ? [positions, filter] : [positions] };
}

function portions(ranges: readonly Range[]): Range[][] {
  const result: Range[][] = [];
  for (let at = 0; at < ranges.length; at += rangesPerRequest) result.push(ranges.slice(at, at + rangesPerRequest));
  return result;
}

function ascending(ranges: Range[]): Range[] {
  return ranges.sort((a, b) => a[0] - b[0]);
}
