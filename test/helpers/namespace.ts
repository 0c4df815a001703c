import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A network namespace with a cable to this one, and two addresses of this one, so that there are two clients. */
export interface TestNamespace {
  name: string;
  /** Of the node in there; then of its two clients out here. */
  host: string;
  clients: readonly [string, string];
  host6: string;
  client6: string;
  run(...command: string[]): string;
  stop(): void;
}

/** Why there can be none here; undefined where there can. */
export function namespaceProblem(): string | undefined {
  const name = `ragctl-probe-${process.pid}`;
  try {
    ip("netns", "add", name);
    ip("netns", "exec", name, "iptables", "-w", "5", "-S", "INPUT");
    return undefined;
  } catch (error) {
    return `no network namespaces with iptables: ${(error as Error).message.trim().split("\n").at(-1)}`;
  } finally {
    quietly(() => ip("netns", "del", name));
  }
}

export function makeNamespace(): TestNamespace {
  const name = `ragctl-${process.pid}`;
  const [outside, inside] = [`rgo${process.pid}`.slice(0, 15), `rgi${process.pid}`.slice(0, 15)];
  const net = `10.213.${process.pid % 250}`;
  const net6 = `fd00:213:${(process.pid % 65_000).toString(16)}:`;
  const stop = () => {
    quietly(() => ip("link", "del", outside));
    quietly(() => ip("netns", "del", name));
  };
  try {
    ip("netns", "add", name);
    ip("link", "add", outside, "type", "veth", "peer", "name", inside);
    ip("link", "set", inside, "netns", name);
    for (const address of [`${net}.1/24`, `${net}.3/24`]) ip("addr", "add", address, "dev", outside);
    quietly(() => ip("addr", "add", `${net6}:1/64`, "dev", outside, "nodad"));
    ip("link", "set", outside, "up");
    ip("-n", name, "addr", "add", `${net}.2/24`, "dev", inside);
    quietly(() => ip("-n", name, "addr", "add", `${net6}:2/64`, "dev", inside, "nodad"));
    ip("-n", name, "link", "set", inside, "up");
    ip("-n", name, "link", "set", "lo", "up");
  } catch (error) {
    stop();
    throw error;
  }
  return {
    name,
    host: `${net}.2`,
    clients: [`${net}.1`, `${net}.3`],
    host6: `${net6}:2`,
    client6: `${net6}:1`,
    run: (...command) => ip("netns", "exec", name, ...command),
    stop,
  };
}

export interface NamespaceEcho {
  port: number;
  received(): number;
  stop(): Promise<void>;
}

const echoProgram = `
const { createServer } = require("node:net");
createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("data", (chunk) => { console.log("got", chunk.length); socket.write(chunk); });
  socket.on("error", () => undefined);
}).listen({ port: 0, host: "::" }, function () { console.log("port", this.address().port); });
`;

/** A server in there that gives back what it gets, on every address. */
export async function echoInNamespace({ name }: TestNamespace): Promise<NamespaceEcho> {
  const child = spawn("ip", ["netns", "exec", name, process.execPath, "-e", echoProgram], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let received = 0;
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", () => reject(new Error("the echo server ended")));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [what, number] = line.split(" ");
      if (what === "port") resolve(Number(number));
      else received += Number(number);
    });
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { port, received: () => received, stop };
}

function ip(...args: string[]): string {
  return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 30_000 });
}

function quietly(work: () => unknown): void {
  try {
    work();
  } catch {
    // It is not there, or the kernel has no IPv6.
  }
}
