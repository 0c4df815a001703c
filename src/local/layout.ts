import { createHash } from "node:crypto";
import { join } from "node:path";
import { localClusterFile, localDirName } from "../config/find.ts";
import { localFileName, supervisorFileName } from "../faults/supervisor-socket.ts";

/** Where everything of an `up` cluster lives. */
export interface Layout {
  /** `…/.ragctl`. */
  dir: string;
  /** What is wanted: which processes, on which ports. Written by `up`. */
  localFile: string;
  /** The same for every other command, as a config file. Written by `up`. */
  clusterFile: string;
  /** Who supervises, and what runs. Written by the supervisor. */
  supervisorFile: string;
  /** Held by the `up` or `down` at work. */
  lockFile: string;
  logs: string;
  nodes: string;
}

export function layoutOf(baseDir: string): Layout {
  const dir = join(baseDir, localDirName);
  return {
    dir,
    localFile: join(dir, localFileName),
    clusterFile: join(dir, localClusterFile),
    supervisorFile: join(dir, supervisorFileName),
    lockFile: join(dir, "up.lock"),
    logs: join(dir, "logs"),
    nodes: join(dir, "nodes"),
  };
}

/** `sun_path` takes 104 bytes on macOS and the BSDs, 108 on Linux, with the closing zero. */
const socketPathMax = 103;

/**
 * The socket of the supervisor or of the fault proxies: beside the files, or, where that path is too long for a socket, under a name
 * made from it in the system's temporary directory (the supervisor's file, and its status, say which).
 */
export function socketPathOf(dir: string, temporaryDir: string, name: "supervisor" | "proxy" = "supervisor"): string {
  const path = join(dir, `${name}.sock`);
  if (Buffer.byteLength(path) <= socketPathMax) return path;
  const digest = createHash("sha256").update(dir).digest("hex").slice(0, 16);
  return join(temporaryDir, `ragctl-${name === "proxy" ? "proxy-" : ""}${digest}.sock`);
}
