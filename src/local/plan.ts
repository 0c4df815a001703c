import { ExitCode, RagctlError, usageError, type Problem } from "../errors.ts";
import type { CacheName, EngineName, LocalSpec } from "./spec.ts";
import { plural } from "../units.ts";

/** The flags of `up` that were given; the others keep what the cluster has, or take the defaults. */
export interface UpFlags {
  nodes?: number;
  replicas?: number;
  zones?: string[];
  engine?: EngineName;
  cache?: CacheName;
  portBase?: number;
  noProxies?: boolean;
}

interface PlannedNode {
  id: string;
  zone?: string;
  /** Present for a node that the cluster has already. */
  port?: number;
  ownPort?: number;
  morePorts?: number[];
}

/** What `up` shall make true, but for ports, which only the machine can tell. */
export interface UpPlan {
  nodes: PlannedNode[];
  replicas: number;
  zones: string[];
  engine: EngineName;
  cache: CacheName;
  /** Whether a fault proxy stands before each node. */
  proxies: boolean;
  /** Ids that are new. */
  added: string[];
}

const defaults = { nodes: 3, replicas: 2, engine: "embedded", cache: "memory" } as const;
const maxNodes = 64;

/**
 * Pure: the wanted cluster from what is there and what was asked.
 * @param collections names of those that have a routing table: they fix replicas and zones
 * @throws RagctlError exit 2 with every flag that makes no sense; exit 7 for what would lose data or change tables behind their backs
 */
export function planUp(existing: LocalSpec | undefined, flags: UpFlags, collections: readonly string[]): UpPlan {
  const count = flags.nodes ?? existing?.nodes.length ?? defaults.nodes;
  const replicas = flags.replicas ?? existing?.replicas ?? Math.min(defaults.replicas, count);
  const zones = flags.zones?.length ? [...new Set(flags.zones)] : (existing?.zones ?? []);
  if (existing && count < existing.nodes.length) throw fewerNodes(existing.nodes.length);
  checkFlags(existing, flags, { count, replicas, zones });
  if (existing) refuseChanges(existing, { count, replicas, zones, engine: flags.engine ?? existing.engine }, collections);
  const nodes = Array.from({ length: count }, (_, index): PlannedNode => {
    const node: PlannedNode = { id: `n${index + 1}`, ...existing?.nodes[index] };
    const zone = zones[index % zones.length];
    if (zone === undefined) delete node.zone;
    else node.zone = zone;
    return node;
  });
  return {
    nodes,
    replicas,
    zones,
    engine: flags.engine ?? existing?.engine ?? defaults.engine,
    cache: flags.cache ?? existing?.cache.driver ?? defaults.cache,
    proxies: existing ? (existing.proxies ?? false) : !flags.noProxies,
    added: nodes.filter(({ port }) => port === undefined).map(({ id }) => id),
  };
}

interface Wanted {
  count: number;
  replicas: number;
  zones: string[];
}

function checkFlags(existing: LocalSpec | undefined, flags: UpFlags, { count, replicas, zones }: Wanted): void {
  const problems: Problem[] = [];
  if (count > maxNodes)
    problems.push({ path: "--nodes", message: `${count} processes on one machine is more than the ${maxNodes} that up starts` });
  if (replicas > count)
    problems.push({
      path: "--replicas",
      message: `${plural(replicas, "replica")} ${replicas === 1 ? "needs" : "need"} as many nodes, and there ${count === 1 ? "is 1" : `are ${count}`}`,
    });
  if (zones.length > count)
    problems.push({ path: "--zones", message: `${zones.length} zones need as many nodes, and there are ${count}` });
  if (flags.portBase !== undefined && (flags.portBase < 1024 || flags.portBase + count > 65_535))
    problems.push({ path: "--port-base", message: `expected a port from 1024 to ${65_535 - count}, got ${flags.portBase}` });
  if (problems.length > 0) throw usageError(problems);
  if (existing?.proxies && flags.noProxies)
    throw refused(
      "proxies-fixed",
      "the nodes of this cluster stand behind fault proxies, at whose ports the routing tables name them",
      "leave out --no-proxies; or start anew: ragctl down --delete, then ragctl up --no-proxies",
    );
  if (existing && flags.portBase !== undefined && existing.portBase !== flags.portBase)
    throw refused(
      "ports-fixed",
      `the nodes of this cluster keep their ports (n1 has ${existing.nodes[0]?.port}): the routing tables name them`,
      "leave out --port-base; or start anew: ragctl down --delete, then ragctl up",
    );
}

function refuseChanges(existing: LocalSpec, wanted: Wanted & { engine: EngineName }, collections: readonly string[]): void {
  if (wanted.engine !== existing.engine)
    throw refused(
      "engine-fixed",
      `the data of this cluster was written by the ${existing.engine} engine, which ${wanted.engine} cannot read`,
      "start anew: ragctl down --delete, then ragctl up --engine …; or another directory",
    );
  if (collections.length === 0) return;
  const named = `${collections.length === 1 ? "collection" : "collections"} ${collections.slice(0, 5).join(", ")}`;
  if (wanted.replicas !== existing.replicas)
    throw refused(
      "replicas-fixed",
      `${named} ${collections.length === 1 ? "has" : "have"} ${plural(existing.replicas, "replica")} of every point; changing that moves data, which up does not`,
      "plan it (ragctl shard plan --replicas), or start anew: ragctl down --delete, then ragctl up",
    );
  if (!sameList(wanted.zones, existing.zones))
    throw refused(
      "zones-fixed",
      `${named} ${collections.length === 1 ? "is" : "are"} placed over the zones ${existing.zones.join(", ") || "(none)"}; other zones place it elsewhere, which up does not`,
      "start anew: ragctl down --delete, then ragctl up --zones …",
    );
}

function fewerNodes(has: number): RagctlError {
  return refused(
    "fewer-nodes",
    `this cluster has ${plural(has, "node")}, and up takes none away: what they hold would be gone`,
    "drain them first (ragctl shard plan --remove), or start anew: ragctl down --delete, then ragctl up",
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function refused(code: string, message: string, hint: string): RagctlError {
  return new RagctlError(message, { code, exitCode: ExitCode.refused, hint });
}
