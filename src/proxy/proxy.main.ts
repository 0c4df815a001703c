// The fault proxies of one `up` cluster, in one process. Arguments: control socket, what to proxy as JSON.
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { serveLines } from "../line-socket.ts";
import { identify } from "../process-identity.ts";
import { realClock, seededRng } from "../runtime.ts";
import type { ProxyReply, ProxyRequest, ProxySpec } from "./contract.ts";
import { Proxies } from "./proxies.ts";

const [socketPath = "", specs = "[]"] = process.argv.slice(2);
const self = identify(process.pid);
if (!self) throw new Error("cannot tell when this process started");
const log = (text: string) => process.stderr.write(`${new Date().toISOString()} proxy ${process.pid} ${text}\n`);

const proxies = new Proxies(self, JSON.parse(specs) as ProxySpec[], {
  clock: realClock,
  rng: seededRng(Date.now() ^ process.pid),
  log,
});

const server = createServer((socket) => serveLines(socket, async (line) => ({ reply: answer(line) })));
// The supervisor starts one at a time: what is there is a dead proxy's.
rmSync(socketPath, { force: true });
// Nobody else of this machine shall break anything here, not even in the instant before a chmod.
process.umask(0o177);
server.listen(socketPath, () => log(`listening at ${socketPath}`));
server.on("error", (error) => {
  log(error.message);
  process.exit(1);
});

function answer(line: string): ProxyReply {
  try {
    return proxies.handle(JSON.parse(line) as ProxyRequest);
  } catch (error) {
    return { ok: false, code: "refused", error: (error as Error).message };
  }
}

function leave(): void {
  proxies.close();
  rmSync(socketPath, { force: true });
  process.exit(0);
}
process.on("SIGTERM", leave);
process.on("SIGINT", leave);
process.on("SIGHUP", () => undefined);
