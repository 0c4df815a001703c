import { existsSync, readFileSync } from "node:fs";
import { cacheId, zoneCacheId } from "../cache/zones.ts";
import { writeDurably } from "../faults/durable-file.ts";
import { ExitCode, RagctlError } from "../errors.ts";

export const engineNames = ["embedded", "qdrant"] as const;
export const cacheNames = ["memory", "redis"] as const;
export type EngineName = (typeof engineNames)[number];
export type CacheName = (typeof cacheNames)[number];

export interface LocalNode {
  id: string;
  /** Where clients connect: what the routing tables name. */
  port: number;
  /** Where its process listens, behind a fault proxy on `port`; absent where there is none. */
  ownPort?: number;
  zone?: string;
  /** Further ports that the engine wants (Qdrant's gRPC). */
  morePorts?: number[];
}

/** What an `up` cluster shall be: `.ragctl/local.json`. */
export interface LocalSpec {
  schemaVersion: 1;
  /** Of this cluster; another one in the same directory has another. */
  clusterId: string;
  engine: EngineName;
  /** Absolute, for an engine that is a program of its own. */
  engineBinary?: string;
  replicas: number;
  zones: string[];
  /** A fault proxy in front of each node, and of the Redis cache. Absent: none (clusters of before there were any). */
  proxies?: boolean;
  /** Where --port-base gave one: new nodes go on from it. */
  portBase?: number;
  nodes: LocalNode[];
  cache: { driver: "memory" } | LocalRedis;
}

interface LocalRedis extends LocalPorts {
  driver: "redis";
  binary: string;
  /** One more in each zone after the first. */
  zones?: Record<string, LocalPorts>;
}

/** Where clients reach it, and where it listens where a fault proxy stands before it. */
export interface LocalPorts {
  port: number;
  ownPort?: number;
}

/** Each Redis of the cluster: `cache`, and `cache-b` where zone b has one of its own. */
export function redisesOf({ cache }: Pick<LocalSpec, "cache">): (LocalPorts & { id: string })[] {
  if (cache.driver === "memory") return [];
  const { port, ownPort, zones = {} } = cache;
  return [
    { id: cacheId, port, ...(ownPort !== undefined && { ownPort }) },
    ...Object.entries(zones).map(([zone, ports]) => Object.assign({ id: zoneCacheId(zone) }, ports)),
  ];
}

/** @throws RagctlError exit 2 where the file is there and is not one that `up` wrote */
export function readSpec(path: string): LocalSpec | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Partial<LocalSpec> | null;
    if (value?.schemaVersion !== 1 || !value.clusterId || !Array.isArray(value.nodes))
      throw new Error("not of this version of ragctl");
    return value as LocalSpec;
  } catch (error) {
    throw new RagctlError(`${path} cannot be read: ${(error as Error).message.replaceAll(/\s+/g, " ")}`, {
      code: "local-state-broken",
      exitCode: ExitCode.usage,
      hint: "put it back from a copy; or ragctl down --delete clears the cluster away, with its data",
      cause: error,
    });
  }
}

export function writeSpec(path: string, spec: LocalSpec): void {
  writeDurably(path, `${JSON.stringify(spec, null, 2)}\n`);
}

/** Where clients reach it. */
export function nodeUrl(node: Pick<LocalNode, "port">): string {
  return `http://127.0.0.1:${node.port}`;
}

/** Where its process listens, whatever stands before it. */
export function directUrl({ port, ownPort = port }: Pick<LocalNode, "port" | "ownPort">): string {
  return nodeUrl({ port: ownPort });
}
