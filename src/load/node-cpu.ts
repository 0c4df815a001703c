import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Clock } from "../runtime.ts";

/** Processor time of one node's process over the run, as a share of one core. */
export interface NodeCpu {
  node: string;
  cpu: number;
}

/** The kernel counts processor time in hundredths of a second for everybody. */
const ticksPerSec = 100;

/**
 * Watches the processor time of the nodes that run on this machine: their processes are those that listen on the nodes' ports (Linux alone).
 * @returns what each has taken since; without the nodes that are elsewhere, that nobody may look at, or that have been replaced
 */
export function watchNodeCpu(
  nodes: readonly { id: string; url: string; directUrl?: string | undefined }[],
  clock: Pick<Clock, "monotonicUs">,
): () => NodeCpu[] {
  // A fault proxy in front is not the node.
  const own = nodes.map(({ id, url, directUrl = url }) => ({ id, url: directUrl }));
  const here = own.filter(({ url }) => /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(url).hostname));
  const pids = listeners(new Set(here.map(({ url }) => portOf(url))));
  const startUs = clock.monotonicUs();
  const watched = here.flatMap(({ id, url }) => {
    const pid = pids.get(portOf(url));
    const ticks = pid === undefined ? undefined : ticksOf(pid);
    return pid === undefined || ticks === undefined ? [] : [{ node: id, pid, ticks }];
  });
  return () => {
    const seconds = (clock.monotonicUs() - startUs) / 1e6;
    return watched.flatMap(({ node, pid, ticks }) => {
      const now = ticksOf(pid);
      return now === undefined || now < ticks ? [] : [{ node, cpu: Number(((now - ticks) / ticksPerSec / seconds).toFixed(4)) }];
    });
  };
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

/** Fields 14 and 15 of `/proc/PID/stat`: user and system time; counted from behind the command's name, which may hold anything. */
export function cpuTicks(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks : undefined;
}

function ticksOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : cpuTicks(stat);
}

/** The inodes of listening sockets of `/proc/net/tcp` or `tcp6`, by port. */
export function listeningInodes(table: string, ports: ReadonlySet<number>): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of table.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(":").at(-1) ?? "", 16);
    if (fields[3] === "0A" && ports.has(port) && fields[9] !== undefined) found.set(fields[9], port);
  }
  return found;
}

function listeners(ports: ReadonlySet<number>): Map<number, number> {
  const inodes = new Map([
    ...listeningInodes(read("/proc/net/tcp") ?? "", ports),
    ...listeningInodes(read("/proc/net/tcp6") ?? "", ports),
  ]);
  const pids = new Map<number, number>();
  if (inodes.size === 0) return pids;
  for (const name of entries("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    for (const fd of entries(`/proc/${name}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${name}/fd/${fd}`) ?? "")?.[1];
      const port = inode === undefined ? undefined : inodes.get(inode);
      if (port !== undefined) pids.set(port, Number(name));
    }
    if (pids.size === ports.size) break;
  }
  return pids;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
