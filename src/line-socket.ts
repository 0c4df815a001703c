import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** Nobody could be asked at a Unix socket, or nobody answered. */
export class LineSocketError extends Error {
  /** absent: nobody listens there. silent: no answer in time. */
  readonly reason: "absent" | "silent";
  constructor(reason: "absent" | "silent", message: string) {
    super(message);
    this.name = "LineSocketError";
    this.reason = reason;
  }
}

/**
 * One JSON document a line each way: a request, an answer, over a Unix socket.
 * @param who for messages: "supervisor"
 * @throws LineSocketError; the reason of `signal` when it aborts
 */
export async function askLine(
  path: string,
  request: unknown,
  options: { who: string; timeoutMs: number; signal?: AbortSignal },
): Promise<unknown> {
  return JSON.parse(await exchange(path, `${JSON.stringify(request)}\n`, options)) as unknown;
}

/**
 * The other end: answers what a connection asks, and hangs up. Whoever asked may be dead by then (`kill -9` is what faults are about): the
 * answer is lost, and nothing else.
 * @param answer never rejects; `sent` is called once the answer has gone
 */
export function serveLines(socket: Socket, answer: (line: string) => Promise<{ reply: unknown; sent?: () => void }>): void {
  socket.on("error", () => undefined);
  const lines = createInterface({ input: socket });
  // Since Node 26 the interface passes its input's errors on, and one that nobody hears ends the process.
  lines.on("error", () => undefined);
  lines.on("line", (line) => {
    void answer(line).then(({ reply, sent }) => socket.end(`${JSON.stringify(reply)}\n`, sent));
  });
}

function exchange(
  path: string,
  text: string,
  options: { who: string; timeoutMs: number; signal?: AbortSignal },
): Promise<string> {
  const { who, timeoutMs } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
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
        reject(new LineSocketError("silent", `the ${who} at ${path} did not answer within ${timeoutMs} ms`));
      else reject(new LineSocketError("absent", `no ${who} listens at ${path} (${error.code ?? error.message})`));
    });
    socket.on("close", () => reject(new LineSocketError("absent", `the ${who} at ${path} hung up`)));
  });
}
