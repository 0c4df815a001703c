import { createServer, type Server } from "node:net";

/** Below those that systems give to outgoing connections (Linux from 32,768 on): a node that is started again finds its port free. */
const lowest = 10_240;
const highest = 32_767;
/** Ports that a process looks at before those of another. */
const ownPorts = 64;

/** Where a process begins to look: two that look at the same moment do not find the same. @returns a port */
export function firstPortOf(pid: number): number {
  const places = Math.floor((highest + 1 - lowest) / ownPorts);
  return lowest + (pid % places) * ownPorts;
}

/**
 * Ports of loopback that nobody has.
 * @param from the first to be looked at; after the highest comes the lowest again
 * @throws Error where there are not so many
 */
export async function freePorts(count: number, from: number): Promise<number[]> {
  const free: number[] = [];
  for (let tried = 0; free.length < count; tried++) {
    if (tried > highest - lowest) throw new Error(`there are no ${count} free ports from ${lowest} to ${highest}`);
    const port = lowest + ((from - lowest + tried) % (highest + 1 - lowest));
    if ((await takenPorts([port])).length === 0) free.push(port);
  }
  return free;
}

/** Which of these ports of loopback somebody else has. */
export async function takenPorts(ports: readonly number[]): Promise<number[]> {
  const taken = await Promise.all(
    ports.map(async (port) => {
      try {
        await close(await listen(port));
        return [];
      } catch (error) {
        if (!["EADDRINUSE", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
        return [port];
      }
    }),
  );
  return taken.flat();
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
