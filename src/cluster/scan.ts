import { ExitCode, RagctlError } from "../errors.ts";
import { assignRanges } from "../sharding/assign.ts";
import { ownersToAsk } from "../sharding/cover.ts";
import { pointIdOf } from "../sharding/point-id.ts";
import { field } from "../sharding/table.ts";
import type { Condition, Filter, PointId } from "../stores/contract.ts";
import type { CallOptions, FetchOptions, NodeOutcome, StoredRecord } from "./contract.ts";
import type { RoutedDeps } from "./deps.ts";
import type { ClusterNode, NodeAnswer } from "./nodes.ts";
import { recordOf, withStampFields } from "./records.ts";
import { rank, type Reader } from "./search.ts";
import type { View } from "./watch.ts";
import { noTable } from "./write.ts";
import type { PreparedRequest } from "../http/contract.ts";

type Range = [lo: number, hi: number];

/** Conditions in one filter at most: beyond it, a node is asked in several requests. */
const rangesPerRequest = 200;

/** Reads that must see each point once: counts, scrolls, and points by key. */
export interface Scans {
  /** @param options `reachable`: counts what can be reached, instead of failing where some cannot */
  count(view: View, filter: Filter | undefined, options: CallOptions & { reachable?: boolean }): Promise<number>;
  scroll(
    collection: string,
    options: CallOptions & { filter?: Filter; pageSize?: number; withVector?: boolean; withPayload?: boolean | string[] },
  ): AsyncIterable<StoredRecord[]>;
  fetch(view: View, keys: readonly string[], options: FetchOptions): Promise<StoredRecord[]>;
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

    async fetch(view, keys, options) {
      const face = deps.face(view.collection);
      const { routing } = view;
      const { nodes } = deps.readerOf(view);
      const unavailable: number[] = [];
      const ranked = rank(deps, nodes, unavailable).reverse();
      const bestFirst = [...ranked.filter((node) => !unavailable.includes(node)), ...unavailable];
      const q = ownersToAsk(options.everyOwner ? "all" : deps.level, routing.table.replicas);
      const found = new Map<PointId, StoredRecord>();
      /** Of each id: which node has which version. */
      const copies = new Map<PointId, Map<number, number | undefined>>();
      const answered = new Map<string, number>();
      const failed = new Set<number>();
      let why: string | undefined;
      const unique = [...new Set(keys)];
      // Where a key alone does not say who owns it, everybody who serves is asked.
      const owners = (key: string) =>
        routing.elsewhere ? routing.everywhere : routing.setAt(routing.stamper.stamp(key).position).read;
      const asked = new Map<string, Set<number>>(unique.map((key) => [key, new Set()]));
      for (;;) {
        const work = new Map<number, string[]>();
        for (const key of unique) {
          const mine = owners(key);
          const need = routing.elsewhere ? mine.length : Math.min(q, mine.length);
          let have = answered.get(key) ?? 0;
          for (const node of bestFirst) {
            if (have >= need) break;
            if (!mine.includes(node) || failed.has(node) || asked.get(key)!.has(node)) continue;
            asked.get(key)!.add(node);
            work.set(node, [...(work.get(node) ?? []), key]);
            have++;
          }
        }
        if (work.size === 0) break;
        await Promise.all(
          [...work].map(async ([node, some]) => {
            const request = face.prepareFetch(some.map(pointIdOf), {
              withPayload: true,
              withVector: options.withVector ?? false,
            });
            const answer = await send(nodes[node]!, view, request, options);
            options.signal?.throwIfAborted();
            if (answer.failure) {
              failed.add(node);
              why = answer.failure.message;
              return;
            }
            for (const key of some) answered.set(key, (answered.get(key) ?? 0) + 1);
            for (const record of face.parseFetch(answer.body).map(recordOf)) {
              deps.versions.saw(record.version);
              if (!owned(view, node, record)) continue;
              const known = found.get(record.id);
              const held = copies.get(record.id);
              if (held) held.set(node, record.version);
              else copies.set(record.id, new Map([[node, record.version]]));
              if (!known || (record.version ?? 0) > (known.version ?? 0)) found.set(record.id, record);
            }
          }),
        );
      }
      // On a table where a key may be anywhere, one node that did not answer may be the one that has it.
      const lost = unique.filter((key) => {
        const answers = answered.get(key) ?? 0;
        return routing.elsewhere ? !found.has(pointIdOf(key)) && answers < owners(key).length : answers === 0;
      });
      if (lost.length > 0) throw unreachable(view.collection, lost.length / unique.length, why);
      const below = unique.filter((key) => !routing.elsewhere && answered.get(key)! < q);
      if (below.length > 0) options.onBelowConsistency?.(below);
      const records = unique.map((key) => found.get(pointIdOf(key))).filter((record) => record !== undefined);
      if (!options.everyOwner) return records;
      return records.map((record) => Object.assign({}, record, { agreed: agreed(view, record, copies.get(record.id)!) }));
    },
  };
}

/** Whether every serving owner of this record is among those that have it, with its version. Without a version nobody can tell. */
function agreed({ routing }: View, record: StoredRecord, copies: ReadonlyMap<number, number | undefined>): boolean {
  const position = positionOf(routing, record);
  if (position === undefined || record.version === undefined) return false;
  return routing.setAt(position).read.every((node) => copies.get(node) === record.version);
}

/** Whether that node may answer for this record: what a move left behind is not the point. */
function owned({ routing }: View, node: number, record: StoredRecord): boolean {
  const position = positionOf(routing, record);
  return position === undefined || routing.serves(node, position);
}

function positionOf({ placement }: View["routing"], { payload }: StoredRecord): number | undefined {
  const position = payload[placement.coordinate === "cell" ? field.cell : field.hash];
  return typeof position === "number" ? position : undefined;
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

function unreachable(collection: string, share: number, why: string | undefined): RagctlError {
  const part = share >= 1 ? "None" : `${((1 - share) * 100).toPrecision(3)} %`;
  return new RagctlError(`${part} of ${collection} could be read${why ? `: ${why}` : ""}.`, {
    code: "cluster-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "ragctl status shows every node; a complete answer needs a serving owner of every point.",
  });
}
