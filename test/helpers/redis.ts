import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { serviceBinary } from "./service.ts";

export interface TestRedis {
  url: string;
  port: number;
  pid: number;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Starts it again on its port, empty: nothing was saved. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A redis-server of the test's own on loopback, without persistence. @param args further ones: `--requirepass x` */
export async function startRedis(args: readonly string[] = []): Promise<TestRedis> {
  const dir = mkdtempSync(join(tmpdir(), "ragctl-redis-"));
  const port = await freePort();
  let child = await spawnRedis(port, dir, args);
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid!;
    },
    kill,
    async restart() {
      await kill();
      child = await spawnRedis(port, dir, args);
    },
    async stop() {
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function spawnRedis(port: number, dir: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(
    serviceBinary("redis-server")!,
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir, ...args],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await new Promise<void>((resolve, reject) => {
    let said = "";
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}: ${said}`)));
    child.stdout.on("data", (text: Buffer) => {
      said = (said + text.toString()).slice(-2000);
      if (said.includes("Ready to accept connections")) resolve();
    });
  });
  return child;
}
