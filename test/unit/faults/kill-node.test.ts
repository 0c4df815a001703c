import { createServer } from "node:http";
import { createServer as createSocketServer } from "node:net";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { killNode } from "../../../src/faults/kill-node.ts";
import { localFileName, supervisorFileName, type SupervisorRequest } from "../../../src/faults/supervisor-socket.ts";
import { isAlive } from "../../../src/process-identity.ts";
import { realClock } from "../../../src/runtime.ts";
import { deadOwner, recordOf, self, sleeper, targetOf, temporaryDir } from "./helpers.ts";

const deps = { clock: realClock };

/** A directory with a cluster and somebody at its supervisor's socket, who writes down what is asked. */
async function cluster(clusterId = "c1") {
  const dir = temporaryDir();
  const socket = join(dir, "s.sock");
  const asked: SupervisorRequest[] = [];
  const server = createSocketServer((connection) => {
    connection.on("data", (data) => {
      asked.push(JSON.parse(data.toString()));
      connection.end(`${JSON.stringify({ ok: true, status: { clusterId, dir, supervisor: self, processes: [] } })}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  writeFileSync(join(dir, localFileName), JSON.stringify({ clusterId }));
  writeFileSync(
    join(dir, supervisorFileName),
    JSON.stringify({ schemaVersion: 1, clusterId, supervisor: self, socket, processes: {} }),
  );
  return { dir, asked, supervisor: { dir, clusterId } };
}

test("SIGKILL to the process that was meant", async () => {
  const { identity, exited } = sleeper();
  await killNode.inject(recordOf({ target: targetOf(identity) }), deps);
  expect(await exited).toBe("SIGKILL");
  expect(isAlive(identity)).toBe(false);
});

test("a pid that another process has by now: nothing is touched", async () => {
  const { identity } = sleeper();
  const reused = { ...identity, startTime: "some/other" };
  await expect(killNode.inject(recordOf({ target: targetOf(reused) }), deps)).rejects.toMatchObject({ code: "target-changed" });
  expect(isAlive(identity)).toBe(true);
});

test("heal asks the supervisor to start a node that is dead, and nobody for one that was never killed", async () => {
  const { asked, supervisor } = await cluster();
  await killNode.heal(recordOf({ target: targetOf(self, { supervisor }) }), deps);
  expect(asked).toEqual([]);
  await killNode.heal(recordOf({ target: targetOf(deadOwner, { supervisor }) }), deps);
  expect(asked).toEqual([{ op: "start", node: "n2" }]);
});

test("a cluster that was deleted, or replaced by another, has nothing to heal", async () => {
  const { dir, asked } = await cluster("c2");
  for (const supervisor of [
    { dir, clusterId: "c1" },
    { dir: join(dir, "gone"), clusterId: "c1" },
  ]) {
    const record = recordOf({ target: targetOf(deadOwner, { supervisor }) });
    await killNode.heal(record, deps);
    expect(await killNode.probe(record, deps)).toBe("gone");
  }
  expect(asked).toEqual([]);
});

test("no supervisor: exit 5 with what to do", async () => {
  const dir = temporaryDir();
  writeFileSync(join(dir, localFileName), JSON.stringify({ clusterId: "c1" }));
  const record = recordOf({ target: targetOf(deadOwner, { supervisor: { dir, clusterId: "c1" } }) });
  await expect(killNode.heal(record, deps)).rejects.toMatchObject({ exitCode: 5, hint: expect.stringContaining("ragctl up") });
});

test("a node known by a pid file alone can be killed for good, and not for a while", async () => {
  await expect(killNode.prepare(targetOf(self), {}, deps)).rejects.toMatchObject({ exitCode: 2 });
  expect(await killNode.prepare(targetOf(self), {}, { ...deps, hold: true })).toEqual({ process: self });
});

test("the probe: gone when it answers, active when nobody listens, unknown when it says nothing", async () => {
  const { supervisor } = await cluster();
  let mode: "yes" | "silent" = "yes";
  const server = createServer((_request, response) => void (mode === "yes" && response.end("ok")));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const readyUrl = `http://127.0.0.1:${port}/readyz`;
  const dead = recordOf({ target: targetOf(deadOwner, { supervisor, readyUrl }) });
  expect(await killNode.probe(dead, deps)).toBe("gone");
  mode = "silent";
  expect(await killNode.probe(dead, deps)).toBe("unknown");
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(await killNode.probe(dead, deps)).toBe("active");
  expect(await killNode.probe(recordOf({ target: targetOf(self, { supervisor, readyUrl }) }), deps)).toBe("gone");
});
