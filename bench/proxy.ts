/**
 * What the idle fault proxy of `ragctl up` costs: p50 of a request (4 kB up, 2 kB down) without it and with it, and the processor time that it takes for each.
 *
 *   node bench/proxy.ts [--requests 4000]        Linux (processor time from /proc)
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createWirePool } from "../src/http/wire/pool.ts";
import { entryPath } from "../src/entry.ts";
import { firstPortOf, freePorts } from "../src/local/ports.ts";
import { callProxies } from "../src/proxy/client.ts";
import { realClock } from "../src/runtime.ts";

const { values } = parseArgs({ options: { requests: { type: "string", default: "4000" }, serve: { type: "string" } } });
if (values.serve) serve(Number(values.serve));
else await measure(Number(values.requests));

function serve(port: number): void {
  const answer = Buffer.alloc(2_000, "a");
  createServer((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(200, { "content-length": answer.length }).end(answer));
  }).listen(port, "127.0.0.1");
}

async function measure(requests: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "ragctl-bench-"));
  const socket = join(dir, "proxy.sock");
  const [port, upstreamPort] = (await freePorts(2, firstPortOf(process.pid))) as [number, number];
  const specs = JSON.stringify([{ name: "n1", host: "127.0.0.1", port, upstreamPort }]);
  const server = spawn(process.execPath, [import.meta.filename, "--serve", String(upstreamPort)], { stdio: "ignore" });
  const proxy = spawn(process.execPath, [entryPath(import.meta.url, "../src/proxy/proxy.main"), socket, specs], {
    stdio: "ignore",
  });
  try {
    while (!(await listens(socket))) await realClock.sleep(50);
    console.log(`load average ${loadavg()[0]!.toFixed(1)}`);
    for (const inFlight of [1, 1, 16]) {
      const direct = await run(upstreamPort, requests, inFlight);
      const beforeMs = cpuMs(proxy.pid!);
      const through = await run(port, requests, inFlight);
      const cpuUs = ((cpuMs(proxy.pid!) - beforeMs) * 1000) / requests;
      console.log(
        `${inFlight} in flight: p50 ${direct} µs, through the proxy ${through} µs (+${through - direct}); ${cpuUs.toFixed(1)} µs of a core a request`,
      );
    }
  } finally {
    server.kill();
    proxy.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function listens(socket: string): Promise<boolean> {
  try {
    const { proxies } = await callProxies(socket, { op: "status" }, { timeoutMs: 1_000 });
    return proxies.every(({ listening }) => listening);
  } catch {
    return false;
  }
}

/** @returns p50, µs */
async function run(port: number, requests: number, inFlight: number): Promise<number> {
  const pool = createWirePool({ origin: `http://127.0.0.1:${port}` });
  const request = { method: "POST" as const, path: "/", headers: [], body: Buffer.alloc(4_000, "q"), kind: "read" as const };
  const took: number[] = [];
  const warmUp = Math.ceil(requests / 10);
  let left = requests + warmUp;
  const worker = async () => {
    while (left-- > 0) {
      const startUs = realClock.monotonicUs();
      await pool.send(request, { timeoutMs: 10_000 });
      took.push(realClock.monotonicUs() - startUs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  await pool.close();
  return Math.round(took.slice(warmUp).toSorted((a, b) => a - b)[Math.floor(requests / 2)]!);
}

/** User and system time of a process, in hundredths of a second of the kernel. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
