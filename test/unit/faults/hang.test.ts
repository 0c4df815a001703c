import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { hang } from "../../../src/faults/hang.ts";
import { signalProcess } from "../../../src/process-signal.ts";
import { isAlive, isStopped } from "../../../src/process-identity.ts";
import { realClock } from "../../../src/runtime.ts";
import { deadOwner, recordOf, sleeper, targetOf } from "./helpers.ts";

const deps = { clock: realClock };

/** A readiness URL that answers as told. */
async function readiness(mode: "no" | "silent"): Promise<string> {
  const server = createServer((_request, response) => {
    if (mode === "no") response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/readyz`;
}

async function hanging(mode: "no" | "silent" = "no") {
  const { identity } = sleeper();
  const target = targetOf(identity, { readyUrl: await readiness(mode) });
  return { identity, record: recordOf({ fault: "hang", target, undo: await hang.prepare(target, {}, deps) }) };
}

test("stopped, proven by its state; healed, proven to run; again and again", async () => {
  const { identity, record } = await hanging();
  await hang.inject(record, deps);
  expect(isStopped(identity.pid)).toBe(true);
  expect(await hang.probe(record, deps)).toBe("active");
  await hang.heal(record, deps);
  await hang.heal(record, deps);
  expect(isStopped(identity.pid)).toBe(false);
  expect(await hang.probe(record, deps)).toBe("gone");
});

test("it runs and says nothing yet: unknown", async () => {
  const { record } = await hanging("silent");
  expect(await hang.probe(record, deps)).toBe("unknown");
});

test("a process that has ended since hangs no more, and nobody else is touched in its place", async () => {
  const { identity } = sleeper();
  signalProcess(identity, "SIGSTOP");
  // It stops when it is next scheduled.
  while (!isStopped(identity.pid)) await realClock.sleep(5);
  const reused = { pid: identity.pid, startTime: "another/1" };
  const record = recordOf({ fault: "hang", target: targetOf(reused), undo: { process: reused } });
  expect(await hang.probe(record, deps)).toBe("gone");
  await hang.heal(record, deps);
  expect([isStopped(identity.pid), isAlive(identity)]).toEqual([true, true]);
  await expect(hang.inject(record, deps)).rejects.toMatchObject({ code: "target-changed" });
});

test("where nothing runs, there is nothing to stop", async () => {
  await expect(hang.prepare(targetOf(deadOwner), {}, deps)).rejects.toMatchObject({ code: "target-unreachable", exitCode: 3 });
});
