import type { LoadResult } from "../../load/result.ts";
import { laneChart } from "./lane-chart.ts";
import type { Markup } from "./markup.ts";
import type { TimeAxis } from "./model.ts";
import { legend, section } from "./tables.ts";
import { lanesOf } from "./timeline.ts";

/** What a client can say of a node, and how it is drawn; later ones cover earlier ones. */
const states = [
  { kind: "stale", tone: "e3", name: "stale: missed writes, answers no reads until it is repaired" },
  { kind: "silent", tone: "e2", name: "silent: neither requests nor its health were answered" },
  { kind: "breaker", tone: "e1", name: "breaker open: others are asked" },
  { kind: "half-open", tone: "e5", name: "a step of the traffic returns" },
] as const;

/** What breakers and writes made of the nodes over time; nothing where they had no trouble. */
export function breakersSection({ events }: Pick<LoadResult, "events">, axis: TimeAxis): Markup | undefined {
  const lanes = lanesOf(events, axis.totalSeconds);
  if (lanes.length === 0) return undefined;
  const order = states.map(({ kind }): string => kind);
  const chart = laneChart({
    label: "States of the nodes over time, as clients saw them",
    width: 1072,
    time: axis,
    lanes: lanes.map(({ node, stretches }) => ({
      name: node,
      stretches: stretches.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)),
    })),
    toneOf: (kind) => states.find((state) => state.kind === kind)?.tone ?? "plain",
  });
  const told = new Set(lanes.flatMap(({ stretches }) => stretches.map(({ kind }) => kind)));
  return section("breakers", "Breakers", "What the clients made of each node; each client sees for itself.", [
    legend(states.filter(({ kind }) => told.has(kind))),
    chart,
  ]);
}
