import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Listening } from "../../src/node/run.ts";

const entry = fileURLToPath(new URL("../../src/node/server.main.ts", import.meta.url));

export interface StartNodeOptions {
  /** Data directory; without one, a temporary one that `stop` removes. */
  dir?: string;
  apiKey?: string;
  /** 0 (any free one) unless given. */
  port?: number;
  fsync?: boolean;
}

export interface TestNode {
  url: string;
  port: number;
  dir: string;
  pid: number;
  /** SIGTERM, and waits for the end; returns the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, and waits for the end; the directory stays. */
  kill(): Promise<void>;
}

/** Spawns the embedded node as a process of its own, as the supervisor does, and waits until it listens. */
export async function startNode(options: StartNodeOptions = {}): Promise<TestNode> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "ragctl-node-"));
  const keyName = "RAGCTL_TEST_NODE_KEY";
  const child = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      entry,
      "--port",
      String(options.port ?? 0),
      "--dir",
      dir,
      ...(options.apiKey === undefined ? [] : ["--api-key-env", keyName]),
      ...(options.fsync ? ["--fsync"] : []),
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...(options.apiKey && { [keyName]: options.apiKey }) } },
  );
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const listening = await firstLine(child);
  const finish = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const code = await ended;
    if (signal === "SIGTERM" && options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    return code;
  };
  return {
    url: listening.url,
    port: listening.port,
    dir,
    pid: child.pid!,
    stop: () => finish("SIGTERM"),
    kill: async () => void (await finish("SIGKILL")),
  };
}

/** Rejects with what the node said on stderr, and `exitCode`, where it ends without listening. */
async function firstLine(child: ChildProcess): Promise<Listening> {
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as Listening | { event: "failed"; code: string; exitCode: number };
    if (event.event === "listening") return event;
    throw Object.assign(new Error(`the node did not start: ${line}`), event);
  }
  throw new Error(`the node ended without a word: ${stderr}`);
}
