import { connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Readiness } from "./ready.ts";

/**
 * Asks a Redis for a PING, in its own words and without its password: one that wants it (`-NOAUTH`) is there, too. One that is still
 * loading is not. Certificates are not checked, as nothing secret is sent.
 */
export function askRedis(url: string, signal: AbortSignal): Promise<Readiness> {
  const { hostname, port, protocol } = new URL(url);
  const at = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || 6379) };
  return new Promise((resolve) => {
    const socket = protocol === "rediss:" ? connectTls({ ...at, rejectUnauthorized: false }) : connectPlain(at);
    let received = "";
    const done = (answer: Readiness) => {
      signal.removeEventListener("abort", silent);
      socket.destroy();
      resolve(answer);
    };
    const silent = () => done("silent");
    signal.addEventListener("abort", silent, { once: true });
    socket.setEncoding("utf8");
    socket.once(protocol === "rediss:" ? "secureConnect" : "connect", () => socket.write("PING\r\n"));
    socket.on("data", (chunk: string) => {
      received += chunk;
      if (received.includes("\r\n")) done(/^(\+PONG|-NOAUTH)/.test(received) ? "yes" : "no");
    });
    socket.on("error", () => done("refused"));
    socket.on("close", () => done("refused"));
  });
}
