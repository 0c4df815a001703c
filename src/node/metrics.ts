import { getHeapStatistics } from "node:v8";
import type { Catalog } from "./catalog.ts";

interface Series {
  count: number;
  sumSec: number;
}

/** Requests by method, route and status, and what the process uses, in Prometheus' text format under Qdrant's names. */
export class Metrics {
  readonly #series = new Map<string, Series>();

  record(method: string, route: string, status: number, seconds: number): void {
    const labels = `method="${method}",endpoint="${route}",status="${status}"`;
    let series = this.#series.get(labels);
    if (!series) this.#series.set(labels, (series = { count: 0, sumSec: 0 }));
    series.count++;
    series.sumSec += seconds;
  }

  render(catalog: Catalog, about: { title: string; version: string }): string {
    const lines: string[] = [];
    const family = (name: string, type: string, help: string, samples: [labels: string, value: number][]) => {
      if (samples.length === 0) return;
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [labels, value] of samples) lines.push(`${name}${labels ? `{${labels}}` : ""} ${value}`);
    };
    const collections = [...catalog.entries()].map(([name, collection]) => [`id="${name}"`, collection] as const);
    family("app_info", "gauge", "information about the server", [[`name="${about.title}",version="${about.version}"`, 1]]);
    family("cluster_enabled", "gauge", "is cluster support enabled", [["", 0]]);
    family("collections_total", "gauge", "number of collections", [["", collections.length]]);
    family(
      "collection_points",
      "gauge",
      "points of each collection",
      collections.map(([id, collection]) => [id, collection.count]),
    );
    family(
      "collection_vectors",
      "gauge",
      "vectors of each collection",
      collections.map(([id, { spaces }]) => [id, spaces.reduce((sum, { count }) => sum + count, 0)]),
    );
    family("ragctl_node_index_backlog", "gauge", "vectors stored and not yet in their graph", [["", catalog.indexer.backlog()]]);
    const series = [...this.#series];
    family(
      "rest_responses_total",
      "counter",
      "answers",
      series.map(([labels, { count }]) => [labels, count]),
    );
    family(
      "rest_responses_duration_seconds_sum",
      "counter",
      "time spent on answers",
      series.map(([labels, { sumSec }]) => [labels, sumSec]),
    );
    const heap = getHeapStatistics();
    family("memory_allocated_bytes", "gauge", "JavaScript heap and buffers in use", [
      ["", heap.used_heap_size + heap.external_memory],
    ]);
    return `${lines.join("\n")}\n`;
  }
}
