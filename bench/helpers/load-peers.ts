import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runPinned, type ChildRun } from "./child.ts";

interface PeerInput {
  url: string;
  /** File with the body, and a folder for scratch files. */
  body: string;
  folder: string;
  seconds: number;
  connections: number;
  core: number;
}

interface PeerFigures {
  requestsPerSec: number;
  cpuSec: number;
}

/** A program that sends the same POST as fast as it can, on one processor. */
export interface Peer {
  name: string;
  run(input: PeerInput): Promise<PeerFigures>;
}

const header = "content-type: application/json";

function figures(run: ChildRun, pattern: RegExp): PeerFigures {
  const found = pattern.exec(run.stdout);
  if (!found) throw new Error(`unexpected output:\n${run.stdout.slice(0, 500)}${run.stderr.slice(0, 500)}`);
  return { requestsPerSec: Number(found[1]!.replaceAll(",", "")), cpuSec: run.cpuSec };
}

export const peers: Peer[] = [
  {
    name: "wrk",
    async run({ url, body, folder, seconds, connections, core }) {
      const script = join(folder, "wrk.lua");
      writeFileSync(
        script,
        `wrk.method = "POST"\nlocal f = io.open(${JSON.stringify(body)}, "rb")\nwrk.body = f:read("*a")\nf:close()\nwrk.headers["content-type"] = "application/json"\n`,
      );
      const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url];
      return figures(await runPinned(core, "wrk", args, { timeoutMs: seconds * 1000 + 10_000 }), /Requests\/sec:\s+([\d.]+)/);
    },
  },
  {
    name: "hey",
    async run({ url, body, seconds, connections, core }) {
      const args = [
        "-z",
        `${seconds}s`,
        "-c",
        String(connections),
        "-cpus",
        "1",
        "-m",
        "POST",
        "-T",
        "application/json",
        "-D",
        body,
        url,
      ];
      return figures(await runPinned(core, "hey", args, { timeoutMs: seconds * 1000 + 10_000 }), /Requests\/sec:\s+([\d.]+)/);
    },
  },
  {
    name: "ab",
    async run({ url, body, seconds, connections, core }) {
      const args = [
        "-k",
        "-q",
        "-c",
        String(connections),
        "-t",
        String(seconds),
        "-n",
        "10000000",
        "-p",
        body,
        "-T",
        "application/json",
        url,
      ];
      return figures(
        await runPinned(core, "ab", args, { timeoutMs: seconds * 1000 + 10_000 }),
        /Requests per second:\s+([\d.]+)/,
      );
    },
  },
  {
    name: "autocannon",
    async run({ url, body, seconds, connections, core }) {
      const args = ["-j", "-c", String(connections), "-d", String(seconds), "-m", "POST", "-i", body, "-H", header, url];
      return figures(
        await runPinned(core, "autocannon", args, { timeoutMs: seconds * 1000 + 20_000 }),
        /"requests":\{"average":([\d.]+)/,
      );
    },
  },
  {
    name: "k6",
    async run({ url, body, folder, seconds, connections, core }) {
      const script = join(folder, "k6.js");
      writeFileSync(
        script,
        `import http from "k6/http"; const body = open(${JSON.stringify(body)}); export const options = { vus: ${connections}, duration: "${seconds}s", discardResponseBodies: true };
export default function () { http.post(${JSON.stringify(url)}, body, { headers: { "content-type": "application/json" } }); }`,
      );
      return figures(
        await runPinned(core, "k6", ["run", "--quiet", script], { timeoutMs: seconds * 1000 + 30_000 }),
        /http_reqs[.\s]*:\s*\d+\s+([\d.]+)\/s/,
      );
    },
  },
  {
    name: "vegeta",
    async run({ url, body, folder, seconds, connections, core }) {
      const targets = join(folder, "targets");
      writeFileSync(targets, `POST ${url}\n${header}\n@${body}\n`);
      const script = `vegeta attack -targets ${targets} -rate 0 -max-workers ${connections} -duration ${seconds}s | vegeta report`;
      return figures(
        await runPinned(core, "sh", ["-c", script], { timeoutMs: seconds * 1000 + 20_000 }),
        /Requests\s+\[total, rate, throughput\]\s+\d+, ([\d.]+)/,
      );
    },
  },
];
