import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
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
  role: "node" | "cache";
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
  const line = await exchange(socketPath, `${JSON.stringify(request)}\n`, options);
  const reply = JSON.parse(line) as SupervisorReply;
  if (!reply.ok) throw new SupervisorError("refused", reply.error);
  return reply.status;
}

function exchange(path: string, text: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<string> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout;
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path, signal });
    let received = "";
    socket.setEncoding("utf8");
    socket.once("connect", () => socket.write(text));
    socket.on("data", (chunk: string) => {
      received += chunk;
      const end = received.indexOf("\n");
      if (end < 0) return;
      resolve(received.slice(0, end));
      socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (options.signal?.aborted) reject(options.signal.reason);
      else if (timeout.aborted)
        reject(new SupervisorError("silent", `the supervisor at ${path} did not answer within ${options.timeoutMs} ms`));
      else reject(new SupervisorError("absent", `no supervisor listens at ${path} (${error.code ?? error.message})`));
    });
    socket.on("close", () => reject(new SupervisorError("absent", `the supervisor at ${path} hung up`)));
  });
}
