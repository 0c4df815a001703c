import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../../../src/process-identity.ts";
import { runCli } from "../../helpers/fake-runtime.ts";
import { sleeper, temporaryDir } from "./helpers.ts";

/** A config of nodes that a pid file, or nothing, leads to. */
function configured(options: { protected?: boolean } = {}) {
  const dir = temporaryDir();
  const config = {
    clusters: {
      prod: {
        topology: "native",
        store: { driver: "qdrant" },
        nodes: [
          { id: "q1", url: "http://127.0.0.1:1", target: { kind: "process", pidFile: "q1.pid" } },
          { id: "q2", url: "http://127.0.0.1:2" },
        ],
        protected: options.protected ?? false,
      },
    },
  };
  writeFileSync(join(dir, "ragctl.config.json"), JSON.stringify(config));
  const victim = sleeper();
  writeFileSync(join(dir, "q1.pid"), `${victim.identity.pid}\n`);
  const kill = (...argv: string[]) => runCli(["chaos", "kill-node", ...argv, "--allow-degraded", "--json"], { cwd: dir });
  return { dir, victim, kill };
}

test("a pid file: killed for good, for ragctl cannot start it again", async () => {
  const { kill, victim } = configured();
  const forAWhile = await kill("q1", "--restart-after", "1s");
  expect(forAWhile.json().error).toMatchObject({ code: "target-without-supervisor" });
  expect(isAlive(victim.identity)).toBe(true);
  const run = await kill("q1");
  expect(run.json()).toMatchObject({
    exitCode: 0,
    result: { healed: false, targets: [{ node: "q1", pid: victim.identity.pid }] },
  });
  expect(await victim.exited).toBe("SIGKILL");
});

test("no way to reach it, no such process, no such file: said for that node, nothing is killed", async () => {
  const { dir, kill, victim } = configured();
  expect((await kill("q2")).json()).toMatchObject({
    exitCode: 2,
    error: { message: expect.stringContaining("names no target for q2") },
  });
  writeFileSync(join(dir, "q1.pid"), "4194304999");
  expect((await kill("q1")).json()).toMatchObject({
    exitCode: 3,
    error: { message: expect.stringContaining("no such process runs") },
  });
  writeFileSync(join(dir, "q1.pid"), "not a pid");
  expect((await kill("q1")).exitCode).toBe(3);
  expect(isAlive(victim.identity)).toBe(true);
});

test("a protected cluster wants its name", async () => {
  const { kill, victim } = configured({ protected: true });
  expect((await kill("q1")).json()).toMatchObject({ exitCode: 7, error: { code: "protected-cluster" } });
  expect((await kill("q1", "--confirm", "local")).exitCode).toBe(7);
  expect(isAlive(victim.identity)).toBe(true);
  expect((await kill("q1", "--confirm", "prod")).exitCode).toBe(0);
  expect(await victim.exited).toBe("SIGKILL");
});
