// The supervisor of one `.ragctl/` directory: a detached process behind a Unix socket. Arguments: directory that holds `.ragctl`, socket.
import { chmodSync, existsSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { readSupervisorFile, type SupervisorReply, type SupervisorRequest } from "../faults/supervisor-socket.ts";
import { serveLines } from "../line-socket.ts";
import { identify } from "../process-identity.ts";
import { realClock, seededRng } from "../runtime.ts";
import { repairAsNeeded } from "./auto-repair.ts";
import { layoutOf } from "./layout.ts";
import { Supervisor } from "./supervisor.ts";

const [baseDir = "", socketPath = ""] = process.argv.slice(2);
const layout = layoutOf(baseDir);
const self = identify(process.pid);
if (!self) throw new Error("cannot tell when this process started");
const log = (text: string) => process.stderr.write(`${new Date().toISOString()} supervisor ${process.pid} ${text}\n`);

const supervisor = new Supervisor({
  layout,
  socket: socketPath,
  self,
  clock: realClock,
  nodeBinary: process.execPath,
  env: process.env,
  log,
});

const server = createServer((socket) => serveLines(socket, answer));
// `up` holds the directory's lock and has proven that nobody listens: what is there is a dead supervisor's.
rmSync(socketPath, { force: true });
server.listen(socketPath, () => {
  chmodSync(socketPath, 0o600);
  log(`listening at ${socketPath}`);
});
server.on("error", (error) => {
  log(error.message);
  process.exit(1);
});

async function answer(line: string): Promise<{ reply: SupervisorReply; sent?: () => void }> {
  try {
    const request = JSON.parse(line) as SupervisorRequest;
    const reply: SupervisorReply = { ok: true, status: await supervisor.handle(request) };
    return { reply, ...(request.op === "shutdown" && { sent: leave }) };
  } catch (error) {
    return { reply: { ok: false, error: (error as Error).message } };
  }
}

const closing = new AbortController();
void repairAsNeeded({
  layout,
  clock: realClock,
  rng: seededRng(process.pid),
  pid: process.pid,
  runs: (node) => supervisor.isRunning(node),
  log,
  signal: closing.signal,
});

function leave(): void {
  closing.abort(new Error("the supervisor ends"));
  rmSync(socketPath, { force: true });
  process.exit(0);
}

const shutdown = () => void supervisor.handle({ op: "shutdown" }).then(leave, leave);
process.on("SIGTERM", shutdown);
process.on("SIGINT", shutdown);
process.on("SIGHUP", () => undefined);

const keepProxiesEveryMs = 500;
setInterval(() => supervisor.keepProxies(), keepProxiesEveryMs);

// Whoever deletes the directory wants no processes without a home; whoever started another supervisor has given it the processes.
const lookEveryMs = 2_000;
setInterval(() => {
  const file = readSupervisorFile(layout.dir);
  if (file && file.supervisor.pid !== process.pid) {
    log("another supervisor has taken over");
    process.exit(0);
  }
  if (!file && !existsSync(layout.dir)) shutdown();
}, lookEveryMs);
