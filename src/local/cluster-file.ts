import { localName } from "../config/find.ts";
import { writeDurably } from "../faults/durable-file.ts";
import { directUrl, nodeUrl, type LocalPorts, type LocalSpec } from "./spec.ts";

/** Generous enough for a laptop that also runs the load; `ragctl config show` prints them, an own config overrides them. */
const objectives = { p99: "100ms", errorRate: "0.1%" };

/** The cluster as a config file says it, for every command that speaks to it. */
export function clusterDocument(spec: LocalSpec): unknown {
  return {
    clusters: {
      [localName]: {
        topology: "routed",
        store: { driver: "qdrant" },
        nodes: spec.nodes.map((node) => ({
          id: node.id,
          url: nodeUrl(node),
          ...(node.ownPort === undefined ? {} : { directUrl: directUrl(node) }),
          ...(node.zone ? { zone: node.zone } : {}),
        })),
        routing: { replicas: spec.replicas },
        cache: cacheOf(spec),
        embedder: { driver: "hashing", dim: 384 },
        objectives,
      },
    },
    default: localName,
  };
}

function cacheOf({ cache }: LocalSpec) {
  if (cache.driver === "memory") return { driver: "memory" };
  const urlOf = ({ port }: LocalPorts) => `redis://127.0.0.1:${port}`;
  const zones = Object.entries(cache.zones ?? {}).map(([zone, ports]) => [zone, { url: urlOf(ports) }]);
  return { driver: "redis", url: urlOf(cache), ...(zones.length > 0 && { zones: Object.fromEntries(zones) }) };
}

export function writeClusterFile(path: string, spec: LocalSpec): void {
  writeDurably(path, `${JSON.stringify(clusterDocument(spec), null, 2)}\n`);
}
