import type { LoadResult } from "../result.ts";

/** One value at one time, as Prometheus has it. */
export interface PromSample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
  /** Milliseconds since the epoch. */
  atMs: number;
}

type Window = LoadResult["windows"][number];

const help: Record<string, string> = {
  ragctl_load_operations: "Operations that were due in a window, by what became of them",
  ragctl_load_window_seconds: "Length of the window",
  ragctl_load_response_time_seconds: "Response time of ok operations, from when they were due",
  ragctl_load_service_time_seconds: "Service time of ok operations, from when they were sent",
  ragctl_load_schedule_lag_seconds: "How late operations were sent",
  ragctl_load_node_service_time_seconds: "Service time of single requests to a node",
  ragctl_load_cache_operations:
    "Ok operations on the cache, by what it said; memory-hit, memory-miss and memory-write while its Redis failed",
  ragctl_load_recall: "Mean recall of the searches whose true neighbours are known",
};

/**
 * A window's figures as gauges, stamped with its end. Seconds, as Prometheus' conventions want.
 * @param labels on every sample: the run, the cluster
 */
export function windowSamples(window: Window, startedAtMs: number, labels: Readonly<Record<string, string>>): PromSample[] {
  const atMs = startedAtMs + (window.second + window.seconds) * 1000;
  const sample = (name: string, value: number | null | undefined, own: Record<string, string> = {}): PromSample[] =>
    value === null || value === undefined ? [] : [{ name, labels: { ...labels, ...own }, value, atMs }];
  const times = (name: string, of: Window["responseTimeUs"], own: Record<string, string> = {}) =>
    Object.entries({ "0.5": of.p50, "0.95": of.p95, "0.99": of.p99, "1": of.max }).flatMap(([quantile, us]) =>
      sample(name, us === null ? null : us / 1e6, { ...own, quantile }),
    );
  const { counts } = window;
  return [
    ...(["ok", "errors", "dropped", "unfinished"] as const).flatMap((outcome) =>
      sample("ragctl_load_operations", counts[outcome], { outcome }),
    ),
    ...sample("ragctl_load_window_seconds", window.seconds),
    ...times("ragctl_load_response_time_seconds", window.responseTimeUs),
    ...times("ragctl_load_service_time_seconds", window.serviceTimeUs),
    ...times("ragctl_load_schedule_lag_seconds", window.scheduleLagUs),
    ...Object.entries(window.perNode).flatMap(([node, { serviceTimeUs }]) =>
      times("ragctl_load_node_service_time_seconds", serviceTimeUs, { node }),
    ),
    ...Object.entries(window.perCache).flatMap(([outcome, { n }]) => sample("ragctl_load_cache_operations", n, { outcome })),
    ...Object.entries(window.recall ?? {}).flatMap(([name, { mean }]) =>
      sample("ragctl_load_recall", mean, { k: name.replace("recall@", "") }),
    ),
  ];
}

/** Prometheus' text format 0.0.4, grouped by name as it wants; without times, which a Pushgateway refuses. */
export function promText(samples: readonly PromSample[]): string {
  return [...Map.groupBy(samples, ({ name }) => name)]
    .map(([name, group]) => {
      const lines = group.map(({ labels, value }) => {
        const text = Object.entries(labels).map(([key, each]) => `${key}="${escapeLabel(each)}"`);
        return `${name}${text.length > 0 ? `{${text.join(",")}}` : ""} ${value}\n`;
      });
      return `# HELP ${name} ${help[name] ?? name}\n# TYPE ${name} gauge\n${lines.join("")}`;
    })
    .join("");
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
