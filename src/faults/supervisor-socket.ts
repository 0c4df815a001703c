import { readFileSync } from "node:fs";
import { join } from "node:path";
import { askLine, LineSocketError } from "../line-socket.ts";
import type { ProcessIdentity } from "../process-identity.ts";

/**
 * How the supervisor of `ragctl up` is spoken to: a Unix socket, one JSON request a line, one JSON answer a line. It stands
 * here because faults and `local` both speak it, and faults must not depend on `local`.
 */
export type SupervisorRequest =
  | { op: "status" }
  /** Reads the wanted processes anew, starts those that are missing and stops those no longer wanted. */
  | { op: "apply" }
  | { op: "start"; node: string }
  | { op: "stop"; node: string }
  /** Stops every process, then the supervisor. Answers when the processes are gone. */
  | { op: "shutdown" };

export interface SupervisedProcess {
  id: string;
  role: "node" | "cache" | "proxy";
  /** Where the process itself listens; of the proxies, their control socket as `unix:PATH`. */
  url: string;
  state: "running" | "stopped";
  /** Present while it runs. */
  process?: ProcessIdentity;
  /** How it ended last, where this supervisor saw it. */
  exit?: { code: number | null; signal: string | null; atMs: number };
}

export interface SupervisorStatus {
  clusterId: string;
  dir: string;
  supervisor: ProcessIdentity;
  processes: SupervisedProcess[];
}

export type SupervisorReply = { ok: true; status: SupervisorStatus } | { ok: false; error: string };

/** `supervisor.json`: who supervises, at which socket, and every process it has started: what the next one adopts. */
export interface SupervisorFile {
  schemaVersion: 1;
  clusterId: string;
  supervisor: ProcessIdentity;
  socket: string;
  processes: Record<string, ProcessIdentity>;
}

export const supervisorFileName = "supervisor.json";

/** @returns undefined where there is none, or where it cannot be read as one */
export function readSupervisorFile(dir: string): SupervisorFile | undefined {
  try {
    const value = JSON.parse(readFileSync(join(dir, supervisorFileName), "utf8")) as Partial<SupervisorFile> | null;
    return value?.schemaVersion === 1 && value.supervisor && value.socket ? (value as SupervisorFile) : undefined;
  } catch {
    return undefined;
  }
}

/** `local.json` of a directory: which cluster lives there. Its id changes when the cluster is deleted and made anew. */
export const localFileName = "local.json";

export function readClusterId(dir: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(dir, localFileName), "utf8")) as { clusterId?: string }).clusterId;
  } catch {
    return undefined;
  }
}

/** A supervisor that could not be asked, or said no. */
export class SupervisorError extends Error {
  readonly reason: "absent" | "silent" | "refused";
  constructor(reason: "absent" | "silent" | "refused", message: string) {
    super(message);
    this.name = "SupervisorError";
    this.reason = reason;
  }
}

/**
 * Asks once. @throws SupervisorError: absent (nobody listens), silent (no answer within `timeoutMs`), refused (it said why)
 */
export async function callSupervisor(
  socketPath: string,
  request: SupervisorRequest,
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<SupervisorStatus> {
  const reply = (await ask(socketPath, request, options)) as SupervisorReply;
  if (!reply.ok) throw new SupervisorError("refused", reply.error);
  return reply.status;
}

async function ask(
  path: string,
  request: SupervisorRequest,
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<unknown> {
  try {
    return await askLine(path, request, { who: "supervisor", ...options });
  } catch (error) {
    throw error instanceof LineSocketError ? new SupervisorError(error.reason, error.message) : error;
  }
}
