import type { LoadResult } from "../result.ts";

type Window = LoadResult["windows"][number];
type Brief = Window["responseTimeUs"];

/**
 * Two windows as one, for a receiver that takes one a second while short runs are cut finer: counts add up, a percentile
 * is that of the worse part.
 */
export function joinWindows(a: Window, b: Window): Window {
  const nodes = [...new Set([...Object.keys(a.perNode), ...Object.keys(b.perNode)])];
  const { responseHistogram: _, ...rest } = b;
  return {
    ...rest,
    counts: Object.fromEntries(
      Object.entries(a.counts).map(([name, count]) => [name, count + b.counts[name as keyof Window["counts"]]]),
    ) as Window["counts"],
    responseTimeUs: worse(a.responseTimeUs, b.responseTimeUs),
    serviceTimeUs: worse(a.serviceTimeUs, b.serviceTimeUs),
    scheduleLagUs: worse(a.scheduleLagUs, b.scheduleLagUs),
    perNode: Object.fromEntries(nodes.map((node) => [node, joinNodes(a.perNode[node], b.perNode[node])])),
    ...(a.recall || b.recall ? { recall: { ...a.recall, ...b.recall } } : {}),
  };
}

type NodeFigures = Window["perNode"][string];

function joinNodes(a: NodeFigures | undefined, b: NodeFigures | undefined): NodeFigures {
  if (!a || !b) return (a ?? b)!;
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    serviceTimeUs: worse(a.serviceTimeUs, b.serviceTimeUs),
  };
}

function worse(a: Brief, b: Brief): Brief {
  const of = (name: keyof Brief) => {
    const known = [a[name], b[name]].filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  return { p50: of("p50"), p95: of("p95"), p99: of("p99"), max: of("max") };
}
