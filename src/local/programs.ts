import { accessSync, constants, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { cacheId } from "../cache/zones.ts";
import { entryPath } from "../entry.ts";
import type { ProxySpec } from "../proxy/contract.ts";
import { socketPathOf, type Layout } from "./layout.ts";
import { directUrl, redisesOf, type EngineName, type LocalNode, type LocalPorts, type LocalSpec } from "./spec.ts";

/** One process that the supervisor keeps: how to start it, where it answers. */
export interface ProgramSpec {
  id: string;
  role: "node" | "cache" | "proxy";
  /** Where the process itself listens; of the proxies, their control socket as `unix:PATH`. */
  url: string;
  command: string;
  args: string[];
  /** On top of the supervisor's own environment. */
  env: Record<string, string>;
  /** Working directory and data; made where it is missing. */
  cwd: string;
}

interface Engine {
  /** The program to find on PATH; absent: part of ragctl. */
  binary?: string;
  /** Ports that each node needs beside the one it answers on. */
  morePorts: number;
  program(node: LocalNode, cwd: string, binary: string): Pick<ProgramSpec, "command" | "args" | "env">;
}

/** What a node can be. */
export const engines = {
  embedded: {
    morePorts: 0,
    program: (node, cwd, nodeBinary) => ({
      command: nodeBinary,
      args: [
        entryPath(import.meta.url, "../node/server.main"),
        "--port",
        String(node.ownPort ?? node.port),
        "--host",
        "127.0.0.1",
        "--dir",
        cwd,
      ],
      env: {},
    }),
  },
  qdrant: {
    binary: "qdrant",
    morePorts: 1,
    program: (node, cwd, binary) => ({
      command: binary,
      args: [],
      env: {
        QDRANT__SERVICE__HOST: "127.0.0.1",
        QDRANT__SERVICE__HTTP_PORT: String(node.ownPort ?? node.port),
        QDRANT__SERVICE__GRPC_PORT: String(node.morePorts?.[0] ?? 0),
        QDRANT__STORAGE__STORAGE_PATH: join(cwd, "storage"),
        QDRANT__STORAGE__SNAPSHOTS_PATH: join(cwd, "snapshots"),
        QDRANT__TELEMETRY_DISABLED: "true",
      },
    }),
  },
} as const satisfies Record<EngineName, Engine>;

export const proxyProcessId = "proxy";

/**
 * Every process that the cluster consists of.
 * @param nodeBinary the Node that embedded nodes run on
 */
export function programsOf(spec: LocalSpec, layout: Layout, nodeBinary: string): ProgramSpec[] {
  const engine: Engine = engines[spec.engine];
  const nodes = spec.nodes.map((node): ProgramSpec => {
    const cwd = join(layout.nodes, node.id);
    return {
      id: node.id,
      role: "node",
      url: directUrl(node),
      cwd,
      ...engine.program(node, cwd, spec.engineBinary ?? nodeBinary),
    };
  });
  const { cache } = spec;
  const caches =
    cache.driver === "redis"
      ? redisesOf(spec).map((each) =>
          redisProgram(each, cache.binary, join(layout.dir, "cache", ...(each.id === cacheId ? [] : [each.id]))),
        )
      : [];
  const proxies = proxiesOf(spec);
  return [...nodes, ...caches, ...(proxies.length > 0 ? [proxyProgram(proxies, layout, nodeBinary)] : [])];
}

/** What stands before nodes and caches, by their ids; none for those that are reached directly. */
export function proxiesOf(spec: Pick<LocalSpec, "nodes" | "cache">): ProxySpec[] {
  return [...spec.nodes, ...redisesOf(spec)].flatMap(({ id, port, ownPort }) =>
    ownPort === undefined ? [] : [{ name: id, host: "127.0.0.1", port, upstreamPort: ownPort }],
  );
}

function proxyProgram(proxies: ProxySpec[], { dir }: Layout, nodeBinary: string): ProgramSpec {
  const socket = socketPathOf(dir, tmpdir(), "proxy");
  const args = [entryPath(import.meta.url, "../proxy/proxy.main"), socket, JSON.stringify(proxies)];
  return { id: proxyProcessId, role: "proxy", url: `unix:${socket}`, command: nodeBinary, args, env: {}, cwd: dir };
}

/** A cache and nothing else: bounded, evicting by use, nothing on disk. */
function redisProgram(
  { id, port: reached, ownPort: port = reached }: LocalPorts & { id: string },
  binary: string,
  cwd: string,
): ProgramSpec {
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: cwd,
    save: "",
    appendonly: "no",
    maxmemory: "64mb",
    "maxmemory-policy": "allkeys-lfu",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return { id, role: "cache", url: `redis://127.0.0.1:${port}`, command: binary, args, env: {}, cwd };
}

/** The absolute path of a program on PATH; undefined when there is none. */
export function findOnPath(name: string, path: string | undefined): string | undefined {
  for (const dir of (path ?? "").split(delimiter).filter(Boolean)) {
    const candidate = join(dir, name);
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return candidate;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}
