import { createConnection } from "node:net";

/** Whether anybody takes a TCP connection at this URL's host and port: what tells a node that hangs from one that is gone. */
export function connects(url: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: port ? Number(port) : protocol === "https:" ? 443 : 80 });
    const done = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    // Where this process was held up, the connection may have come in time, and wait behind the timer.
    socket.setTimeout(timeoutMs, () => setImmediate(() => done(false)));
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}
