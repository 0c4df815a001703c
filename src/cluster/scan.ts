import { assignRanges } from "../sharding/assign.ts";
import type { Part, Routing } from "../sharding/owners.ts";
import { intersectRanges, type Range } from "../sharding/ranges.ts";
import { samePositions } from "../sharding/partitioner-change.ts";
import { positionFieldOf, type PartitionerSpec } from "../sharding/table.ts";
import type { Filter, PointId } from "../stores/contract.ts";
import type { CallOptions, NodeOutcome, StoredRecord } from "./contract.ts";
import { faceOf, type RoutedDeps } from "./deps.ts";
import type { ClusterNode, NodeAnswer } from "./node.ts";
import { recordOf, withStampFields } from "./records.ts";
import { rank } from "./rank.ts";
import type { Reader } from "./search-cover.ts";
import { unreachable } from "./unreachable.ts";
import type { View } from "./watch.ts";
import { noTable } from "./write.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { filtersOf } from "./position-filters.ts";
import type { PreparedRequest } from "../http/contract.ts";

/** What is left of a scan: by the positions of one partitioner or of two. Without a list, all of them. */
interface Area {
  readonly within: readonly { readonly partitioner: PartitionerSpec; readonly ranges: readonly Range[] }[];
}
const everything: Area = { within: [] };

/** A part of it with the node that is to answer for it. */
interface Placed {
  area: Area;
  node: ClusterNode;
  filter: Filter | undefined;
}

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
    return deps.nodes.send(node, faceOf(deps, view), request, { timeoutMs, signal: options.signal }, outcomes);
  };

  /** Gives an area to nodes that have not failed; throws where some of it has nobody left, unless `reachable` ones are enough. */
  function assign(
    view: View,
    area: Area,
    failed: ReadonlySet<string>,
    why: string | undefined,
    filter: Filter | undefined,
    reachable = false,
  ): Placed[] {
    const { nodes } = deps.readerOf(view);
    const unavailable: number[] = [];
    const order = rank(deps, nodes, unavailable);
    const preference = new Map(order.map((node, index) => [node, -index]));
    const usable = (node: number) => !failed.has(nodes[node]!.id);
    const closed = (node: number) => usable(node) && !unavailable.includes(node);
    return pieces(view.routing, area).flatMap((piece) => {
      const give = (to: (node: number) => boolean) =>
        assignRanges(piece.part.segments, to, (node) => preference.get(node)!, piece.ranges);
      let { ranges, missingShare } = give(closed);
      // An open breaker prefers others; where there are none it is overruled.
      if (missingShare > 0 && unavailable.length > 0) ({ ranges, missingShare } = give(usable));
      if (missingShare > 0 && !reachable) throw unreachable(view.collection, missingShare, why);
      return [...ranges].flatMap(([node, list]) => placed(view.routing, piece, list, filter, nodes[node]!));
    });
  }

  return {
    async count(view, filter, options) {
      const face = faceOf(deps, view);
      const failed = new Set<string>();
      let total = 0;
      let why: string | undefined;
      let open: Area[] = [everything];
      while (open.length > 0) {
        const lost: Area[] = [];
        await Promise.all(
          open
            .flatMap((area) => assign(view, area, failed, why, filter, options.reachable))
            .map(async ({ node, area, filter: within }) => {
              const answer = await send(node, view, face.prepareCount(within), options);
              if (!answer.failure) total += face.parseCount(answer.body);
              else {
                options.signal?.throwIfAborted();
                failed.add(node.id);
                why = answer.failure.message;
                lost.push(area);
              }
            }),
        );
        open = lost;
      }
      return total;
    },

    async *scroll(collection, options) {
      const { filter, pageSize = 256, withVector = false, withPayload = true } = options;
      // Work that is left: areas, from an id on. Pages come in ascending order of id, so another replica can go on.
      interface Task {
        area: Area;
        offset?: PointId;
        placed?: { node: string; epoch: number; filter: Filter | undefined };
      }
      let tasks: Task[] = [{ area: everything }];
      const failed = new Set<string>();
      let why: string | undefined;

      /** Does the first task, or a part of it; the page that it gave, if any. */
      async function step(view: View): Promise<StoredRecord[]> {
        const task = tasks.shift()!;
        const from = task.offset === undefined ? {} : { offset: task.offset };
        if (task.placed?.epoch !== view.epoch) {
          const fresh = assign(view, task.area, failed, why, filter).map(({ area, node, filter: within }): Task => {
            return Object.assign({ area, placed: { node: node.id, epoch: view.epoch, filter: within } }, from);
          });
          tasks = [...fresh, ...tasks];
          return [];
        }
        const face = faceOf(deps, view);
        const within = task.placed.filter;
        const request = face.prepareScroll({
          limit: pageSize,
          withPayload: withStampFields(withPayload, view.routing.table),
          withVector,
          ...(within ? { filter: within } : {}),
          ...from,
        });
        const answer = await send(deps.nodes.get(task.placed.node), view, request, options);
        options.signal?.throwIfAborted();
        if (answer.failure) {
          failed.add(task.placed.node);
          why = answer.failure.message;
          tasks.unshift({ area: task.area, ...from });
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

/** An area as far as one part of a routing has it: ranges on the part's own coordinate, and what holds beside. */
interface Piece {
  part: Part;
  ranges: readonly Range[];
  beside: Area["within"];
}

/** @throws RagctlError exit 3 where the area speaks of cells that are not stamped any more */
function pieces({ table, parts, placement }: Routing, area: Area): Piece[] {
  const to = table.transition?.to;
  const rangesOf = (partitioner: PartitionerSpec) =>
    area.within.find((one) => samePositions(one.partitioner, partitioner))?.ranges;
  const known = [table.partitioner, ...(parts.length > 1 || parts[0]!.placement !== placement || parts[0]!.into ? [to!] : [])];
  // What a change of partitioner has left behind: hashes are stamped on all points all the same, cells of the model before are not.
  const others = area.within.filter(({ partitioner }) => !known.some((one) => samePositions(one, partitioner)));
  const gone = others.find(({ partitioner }) => partitioner.kind === "semantic");
  if (gone)
    throw new RagctlError(`The partitioner of ${table.collection} changed while it was read.`, {
      code: "partitioner-changed",
      exitCode: ExitCode.unreachable,
      hint: "Begin again.",
    });
  return parts.flatMap((part): Piece[] => {
    const isOld = part.placement === placement;
    const own = isOld ? table.partitioner : to!;
    const all: readonly Range[] = [[0, part.placement.space]];
    const ranges = rangesOf(own) ?? all;
    const beside = [...others];
    if (isOld && part.into) {
      const into = rangesOf(to!);
      const left = into ? intersectRanges(into, part.into.ranges) : part.into.ranges;
      if (left.length === 0) return [];
      beside.push({ partitioner: to!, ranges: left });
    } else if (!isOld) {
      const old = rangesOf(table.partitioner);
      if (old) beside.push({ partitioner: table.partitioner, ranges: old });
    }
    const moved: readonly Range[] = isOld ? ranges : intersectRanges(ranges, table.transition!.moved);
    return moved.length === 0 ? [] : [{ part, ranges: moved, beside }];
  });
}

/** A node's share of a piece, in as many requests as filters allow. */
function placed(
  { table, placement }: Routing,
  { part, beside }: Piece,
  ranges: readonly Range[],
  filter: Filter | undefined,
  node: ClusterNode,
): Placed[] {
  const own = part.placement === placement ? table.partitioner : table.transition!.to;
  const all = ranges.length === 1 && ranges[0]![0] === 0 && ranges[0]![1] === part.placement.space;
  const within = all ? [...beside] : [{ partitioner: own, ranges }, ...beside];
  const filters = filtersOf(
    within.map(({ partitioner, ranges: list }) => ({
      field: positionFieldOf(partitioner),
      coordinate: partitioner.kind === "semantic" ? ("cell" as const) : ("hash" as const),
      ranges: list,
    })),
  );
  return filters.map(({ conditions, ranges: lists }): Placed => {
    const area: Area = {
      within:
        all && beside.length === 0
          ? [{ partitioner: own, ranges }]
          : within.map(({ partitioner }, index) => ({ partitioner, ranges: lists[index]! })),
    };
    const must = filter ? [...conditions, filter] : conditions;
    return { area, node, filter: conditions.length === 0 ? filter : { must } };
  });
}
