import { execFileSync, spawn } from "node:child_process";
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { healScript, injectScript, presentScript, renewPrelude } from "../../../../src/faults/remote/deadman.ts";
import { library } from "../../../../src/faults/remote/library.ts";
import { identifyScript, signalScript, startScript, stateScript } from "../../../../src/faults/remote/processes.ts";
import { shellLine, shellWord } from "../../../../src/faults/remote/quote.ts";
import { spoken } from "../../../../src/faults/remote/ssh.ts";
import { identify } from "../../../../src/process-identity.ts";
import { tempDir } from "../../../helpers/temp-dir.ts";

const awkward = [
  "",
  "it's",
  '"',
  "$(touch pwned)",
  "`touch pwned`",
  "a\nb",
  "\\",
  "*",
  "~",
  "-n",
  "a b",
  "; touch pwned",
  "ü",
  "'\"'",
  "!x",
];

test("words reach a program as they were, whatever they hold", () => {
  const dir = tempDir();
  const out = execFileSync("sh", ["-c", `printf '%s\\0' ${shellLine(...awkward)}`], { encoding: "utf8", cwd: dir });
  expect(out.split("\0").slice(0, -1)).toEqual(awkward);
  expect(existsSync(join(dir, "pwned"))).toBe(false);
  expect(() => shellWord("a\0b")).toThrow("NUL");
});

describe.each(awkward.filter((name) => name !== ""))("with %j for a name", (name) => {
  const fault = { id: name, ttlMs: 5_000, apply: shellLine("echo", name), undo: shellLine("echo", name), present: "return 1" };
  test("every script is one that a shell can parse", () => {
    for (const script of [
      injectScript(fault),
      healScript(fault),
      presentScript(fault),
      renewPrelude,
      identifyScript({ unit: name }),
      identifyScript({ pidFile: name }),
      startScript(name),
      signalScript({ pid: 1, startTime: name }, "SIGSTOP", name),
      stateScript({ pid: 1, startTime: name }),
    ])
      execFileSync("sh", ["-n"], { input: script });
  });
});

describe.runIf(existsSync("/proc/self/stat"))("the library", () => {
  const run = (lines: string) => execFileSync("sh", ["-s"], { input: `${library}\n${lines}\n`, encoding: "utf8" });

  test("knows a process as this side does, whatever it is called", async () => {
    const dir = tempDir();
    for (const name of ["sleep", "a) Z 1 (b", "x y"]) {
      symlinkSync("/bin/sleep", join(dir, name));
      const child = spawn(join(dir, name), ["60"], { stdio: "ignore" });
      onTestFinished(() => void child.kill("SIGKILL"));
      await new Promise((resolve) => child.once("spawn", resolve));
      const { pid, startTime } = identify(child.pid!)!;
      expect(run(`look ${pid} && say "$STAMP" "$STATE"`)).toMatch(new RegExp(`^ragctl ${startTime} [SRD]\n$`));
      expect(run(`strike KILL ${pid} 0123/1 || say untouched`)).toBe("ragctl untouched\n");
      expect(identify(pid)).toBeDefined();
      expect(run(`strike KILL ${pid} ${startTime} && say struck`)).toBe("ragctl struck\n");
    }
  });

  test("what is no pid names no process", () => {
    expect(run("for P in '' 0x1 -1 99999999 'a b' '*'; do look \"$P\" || say none; done")).toBe("ragctl none\n".repeat(6));
  });

  test("nothing runs before the last line has come", () => {
    const dir = tempDir();
    const script = injectScript({ id: "cut", ttlMs: 1_000, apply: "touch applied", undo: ":", present: "return 1" });
    const whole = script.lastIndexOf("main </dev/null");
    for (const end of [whole, whole - 1, Math.floor(whole / 2), Math.floor(whole / 3)]) {
      try {
        execFileSync("sh", ["-s"], { input: script.slice(0, end), cwd: dir, stdio: ["pipe", "ignore", "ignore"] });
      } catch {
        // A function that was cut in the middle is a syntax error: that, too, runs nothing.
      }
      expect(existsSync(join(dir, "applied"))).toBe(false);
    }
  });
});

test("only the lines that were meant for us are read", () => {
  expect(spoken("Welcome!\nragctl fail no such  thing\n ragctl x\nragctlx\nragctl done\n")).toEqual([
    ["fail", "no", "such", "thing"],
    ["done"],
  ]);
});
