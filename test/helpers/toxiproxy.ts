import { spawn } from "node:child_process";
import { freePort } from "./free-port.ts";

export interface TestToxiproxy {
  api: string;
  /** A proxy before a port of loopback; the result is where clients connect. */
  before(name: string, upstreamPort: number): Promise<number>;
  ask(method: string, path: string, body?: unknown): Promise<{ status: number; json: any }>;
  stop(): Promise<void>;
}

export async function startToxiproxy(binary: string): Promise<TestToxiproxy> {
  const port = await freePort();
  const child = spawn(binary, ["-host", "127.0.0.1", "-port", String(port)], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const api = `http://127.0.0.1:${port}`;
  const ask: TestToxiproxy["ask"] = async (method, path, body) => {
    const response = await fetch(`${api}${path}`, {
      method,
      signal: AbortSignal.timeout(10_000),
      headers: { "content-type": "application/json", "user-agent": "test" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
  };
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  for (let tries = 0; ; tries++) {
    if (
      await ask("GET", "/proxies").then(
        () => true,
        () => false,
      )
    )
      break;
    if (tries > 400 || child.exitCode !== null) {
      await stop();
      throw new Error(`${binary} does not answer`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    api,
    ask,
    stop,
    async before(name, upstreamPort) {
      const listen = await freePort();
      const { status, json } = await ask("POST", "/proxies", {
        name,
        listen: `127.0.0.1:${listen}`,
        upstream: `127.0.0.1:${upstreamPort}`,
        enabled: true,
      });
      if (status !== 201) throw new Error(`no proxy: ${JSON.stringify(json)}`);
      return listen;
    },
  };
}
