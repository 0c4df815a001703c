import { createConnection } from "node:net";
import { ExitCode, RagctlError } from "../errors.ts";
import { askReady } from "../faults/ready.ts";
import type { SupervisedProcess, SupervisorStatus } from "../faults/supervisor-socket.ts";
import { callProxies } from "../proxy/client.ts";
import type { Clock } from "../runtime.ts";
import { join } from "node:path";
import { logTail } from "./supervisor-client.ts";

/** What is waited for: somebody who says that it serves. */
export type Answerer = Pick<SupervisedProcess, "id" | "role" | "url">;

const readyMs = 60_000;
const askEveryMs = 30;
const askTimeoutMs = 1_000;

/**
 * Waits until every process answers.
 * @param ask the supervisor's status
 * @throws RagctlError exit 3 for one that ended, with the end of its log, or that does not answer within a minute
 */
export async function awaitReady(
  processes: readonly Answerer[],
  options: {
    ask: () => Promise<SupervisorStatus>;
    logs: string;
    clock: Clock;
    signal: AbortSignal;
    onReady: (id: string) => void;
  },
): Promise<void> {
  const { clock, signal } = options;
  const endUs = clock.monotonicUs() + readyMs * 1000;
  const waiting = new Map(processes.map((process) => [process.id, process]));
  const seenStopped = new Set<string>();
  while (waiting.size > 0) {
    await Promise.all(
      [...waiting.values()].map(async (process) => {
        if (!(await answers(process, signal))) return;
        waiting.delete(process.id);
        options.onReady(process.id);
      }),
    );
    signal.throwIfAborted();
    if (waiting.size === 0) return;
    const status = await options.ask();
    // One that has only just ended may not have been reaped yet: how it ended is known a moment later.
    const stopped = status.processes.filter(({ id, state }) => waiting.has(id) && state === "stopped");
    const ended = stopped.find(({ id, exit }) => exit !== undefined || seenStopped.has(id));
    for (const { id } of stopped) seenStopped.add(id);
    const overdue = clock.monotonicUs() > endUs ? [...waiting.keys()].join(", ") : undefined;
    if (ended || overdue) throw notReady(ended, overdue, options.logs);
    await clock.sleep(askEveryMs, signal);
  }
}

async function answers({ role, url }: Answerer, signal: AbortSignal): Promise<boolean> {
  if (role === "proxy") return await proxiesAnswer(url.slice("unix:".length));
  if (role === "cache") return await redisAnswers(url);
  return (await askReady(`${url}/readyz`, { timeoutMs: askTimeoutMs, signal })) === "yes";
}

async function proxiesAnswer(socket: string): Promise<boolean> {
  try {
    await callProxies(socket, { op: "status" }, { timeoutMs: askTimeoutMs });
    return true;
  } catch {
    return false;
  }
}

function redisAnswers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = createConnection({ host: hostname, port: Number(port) }, () => socket.write("PING\r\n"));
    const done = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(askTimeoutMs, () => done(false));
    socket.once("data", (data) => done(data.toString().startsWith("+PONG")));
    socket.once("error", () => done(false));
  });
}

function notReady(ended: SupervisedProcess | undefined, overdue: string | undefined, logs: string): RagctlError {
  const id = ended?.id ?? overdue!.split(", ")[0]!;
  const path = join(logs, `${id}.log`);
  const how = ended?.exit ? (ended.exit.signal ?? `exit code ${ended.exit.code ?? "unknown"}`) : "no trace";
  const what = ended ? `${id} ended with ${how} before it answered` : `${overdue} did not answer within ${readyMs / 1000} s`;
  return new RagctlError(`${what}${logTail(path)}`, {
    code: "node-not-ready",
    exitCode: ExitCode.unreachable,
    hint: `its log: ${path}`,
  });
}
