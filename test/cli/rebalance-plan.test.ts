import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { runCli } from "../helpers/fake-runtime.ts";

/** Bad input is told with every problem at once, before anything is asked. */
test.each<[string[], string[]]>([
  [["--spill", "0"], ["expected a share above 0 and at most 1, such as 10%, or off"]],
  [["--spill", "150%"], ["expected a share above 0 and at most 1, such as 10%, or off"]],
  [
    ["--spill", "10%", "--hash", "--split", "3", "--spill-ratio", "0.5"],
    ["--split --spill --hash: give one of them", "--spill-ratio: expected a number of 1 or more"],
  ],
  [["--spill", "off", "--spill-ratio", "2"], ["--spill-ratio: goes with --spill and a share"]],
  [["--spill", "off", "--blue-green"], ["--blue-green: is of a change of placement: --spill is none"]],
])("%j", async (given, problems) => {
  const run = await runCli(["rebalance", "plan", ...given], { cwd: tmpdir() });
  expect(run.exitCode).toBe(2);
  for (const problem of problems) expect(run.stderr).toContain(problem);
});
