import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { serviceBinary } from "./service.ts";

export interface Nginx {
  url: string;
  stop(): Promise<void>;
}

/**
 * One nginx worker that reads each body and answers 200 with two bytes; its files live in a folder of their own.
 * @param core the processor that it is pinned to (with taskset); absent: wherever the kernel likes
 * @param locations further `location` blocks
 */
export async function startNginx({ core, locations = "" }: { core?: number; locations?: string } = {}): Promise<Nginx> {
  const command = serviceBinary("nginx");
  if (!command) throw new Error("nginx is not installed");
  const folder = mkdtempSync(join(tmpdir(), "ragctl-nginx-"));
  const port = await freePort();
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(" ");
  writeFileSync(
    join(folder, "nginx.conf"),
    `worker_processes 1; daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 10000; }
http {
  access_log off; ${temp}
  keepalive_requests 1000000000; keepalive_timeout 300s; client_body_buffer_size 16k;
  server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 "ok"; } ${locations} }
}
`,
  );
  const line = [command, "-p", folder, "-c", join(folder, "nginx.conf")];
  const pinned = core === undefined ? line : ["taskset", "-c", String(core), ...line];
  const child = spawn(pinned[0]!, pinned.slice(1), { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const url = `http://127.0.0.1:${port}/`;
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; attempt < 100; attempt++) {
    if ((await fetch(url).catch(() => undefined))?.ok) return { url, stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error("nginx did not start: is it installed, and taskset?");
}
