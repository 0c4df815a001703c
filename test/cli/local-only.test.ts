import { expect, test } from "vitest";
import { runCli } from "../helpers/fake-runtime.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test.each([
  ["down", "--delete"],
  ["up", "--quiet"],
])("%s acts on the local cluster alone: another one named to it is refused before anything happens", async (verb, more) => {
  const { exitCode, stderr } = await runCli([verb, more, "--cluster", "prod"], { cwd: tempDir() });
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`ragctl ${verb} acts on the cluster "local" of this directory, not on "prod"`);
});

test("its own name is fine", async () => {
  const { exitCode, stdout } = await runCli(["down", "--cluster", "local"], { cwd: tempDir() });
  expect([exitCode, stdout]).toEqual([0, "nothing to stop: ragctl up has started no cluster here or above\n"]);
});

test("an empty name in a list is told, not passed over", async () => {
  const { exitCode, stderr } = await runCli(["up", "--zones", "a,,b"], { cwd: tempDir() });
  expect(exitCode).toBe(2);
  expect(stderr).toContain('--zones: expected names separated by commas, got "a,,b"');
});

test("what is next speaks to the cluster that was chosen, and says so once", async () => {
  const plan = ["shard", "plan", "--nodes", "a,b", "--vnodes", "1", "--points", "10", "--json"];
  const chosen = await runCli([...plan, "--cluster", "prod"], { cwd: tempDir() });
  expect(chosen.json().next).toEqual([expect.stringMatching(/^ragctl shard plan .*--balance points$/)]);
  expect(chosen.json().next[0].match(/--cluster prod/g)).toHaveLength(1);
});
