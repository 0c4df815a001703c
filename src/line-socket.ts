import { createConnection } from "node:net";

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
