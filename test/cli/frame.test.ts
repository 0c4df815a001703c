import { describe, expect, test } from "vitest";
import { readCommandLine } from "../../commands/command-line.ts";
import { main } from "../../commands/main.ts";
import { exitCodeMeanings } from "../../src/errors.ts";
import { Interrupted, realClock } from "../../src/runtime.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const run = (...argv: string[]) => runCli(argv, { cwd: tempDir() });

describe("what a command line asks for", () => {
  test.each([
    ["status", { kind: "command", name: "status", rest: [] }],
    ["--json status", { kind: "command", name: "status", rest: ["--json"] }],
    ["status --json", { kind: "command", name: "status", rest: ["--json"] }],
    [
      "--config a.yaml --cluster x status -y",
      { kind: "command", name: "status", rest: ["--config", "a.yaml", "--cluster", "x", "-y"] },
    ],
    ["--config=a.yaml status", { kind: "command", name: "status", rest: ["--config=a.yaml"] }],
    ["chaos --json kill-node n1", { kind: "command", name: "chaos kill-node", rest: ["--json", "n1"] }],
    [
      "chaos kill-node n1 --restart-after 5s",
      { kind: "command", name: "chaos kill-node", rest: ["n1", "--restart-after", "5s"] },
    ],
    ["runs latest --limit 3", { kind: "command", name: "runs", rest: ["latest", "--limit", "3"] }],
    ["load --rps 500 status", { kind: "command", name: "load", rest: ["--rps", "500", "status"] }],
    ["help load", { kind: "command", name: "load", rest: ["--help"] }],
    ["help chaos kill-node", { kind: "command", name: "chaos kill-node", rest: ["--help"] }],
    ["load -h", { kind: "command", name: "load", rest: ["-h"] }],
    ["-h load", { kind: "command", name: "load", rest: ["-h"] }],
    ["chaos --help", { kind: "help", group: "chaos" }],
    ["help chaos", { kind: "help", group: "chaos" }],
    ["help", { kind: "help", group: undefined }],
    ["--help", { kind: "help", group: undefined }],
    ["--no-color --help", { kind: "help", group: undefined }],
    ["--version", { kind: "version" }],
    ["", { kind: "nothing" }],
    ["--json", { kind: "nothing" }],
    ["chaos", { kind: "incomplete", group: "chaos" }],
    ["chaos --json", { kind: "incomplete", group: "chaos" }],
    ["statsu --help", { kind: "unknown", words: "statsu" }],
    ["help statsu", { kind: "unknown", words: "statsu" }],
    ["config chek all", { kind: "unknown", words: "config chek" }],
    ["constructor", { kind: "unknown", words: "constructor" }],
  ])("%s", (line, expected) => {
    expect(readCommandLine(line.split(" ").filter(Boolean))).toEqual(expected);
  });
});

test("help comes on stdout, exit 0, however it is asked for; a noun alone shows its verbs", async () => {
  const [bare, asked, spelled] = [await run(), await run("--help"), await run("help")];
  expect(bare).toMatchObject({ exitCode: 0, stderr: "" });
  expect(asked.stdout).toBe(bare.stdout);
  expect(spelled.stdout).toBe(bare.stdout);
  for (const line of bare.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  for (const code of Object.keys(exitCodeMeanings)) expect(bare.stdout).toMatch(new RegExp(`^ +${code}  `, "m"));

  const group = await run("config");
  expect(group).toMatchObject({ exitCode: 0, stderr: "" });
  expect(group.stdout).toMatchInlineSnapshot(`
    "Usage: ragctl config COMMAND [options]

    Check, show and describe the config.

    Commands:
      config check   every problem of the config at once
      config show    the resolved config, secrets redacted
      config schema  the JSON Schema of the config, for editors

    Every command explains itself: ragctl COMMAND --help
    "
  `);
  expect((await run("config", "--help")).stdout).toBe(group.stdout);
});

test("a command's own help", async () => {
  const { stdout, exitCode } = await run("runs", "--help");
  expect(exitCode).toBe(0);
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: ragctl runs [options] [id]

    what ran, and what can be resumed

    Everything long has a run, with a journal of its events. With an ID (or its
    beginning, its end, or latest): that run.

    Arguments:
      id                             one run; latest is the newest

    Options:
      --limit <n>                    how many to list (default: 20)
      --prune-older-than <duration>  first remove runs that ended longer ago; what
                                     can be resumed stays

    Global options:
      --config <file>                config file (default: found from here upwards)
      --cluster <name>               cluster of the config (default: its default)
      --json                         print one JSON document on stdout
      --quiet                        no progress and no notes on stderr
      -y, --yes                      answer yes where a plain yes is asked for
      --no-input                     never ask; fail instead
      --no-color                     no colour, whatever the terminal
      --verbose                      say more on stderr
      -h, --help                     this

    Examples:
      ragctl runs
          what ran, newest first
      ragctl runs latest
          the newest, with its events
      ragctl runs --prune-older-than 30d
          remove old ones
    "
  `);
  expect((await run("help", "runs")).stdout).toBe(stdout);
});

test("for a program, a command line without a command is a mistake", async () => {
  for (const argv of [["--json"], ["config", "--json"]]) {
    const result = await run(...argv);
    expect(result.exitCode).toBe(2);
    expect(result.json()).toMatchObject({ ok: false, exitCode: 2, error: { code: "usage" } });
  }
});

test("mistakes: what was meant, exit 2, nothing on stdout", async () => {
  expect(await run("statsu")).toMatchInlineSnapshot(`
    {
      "exitCode": 2,
      "json": [Function],
      "stderr": "error: there is no command "statsu"; did you mean "status"?
    hint: ragctl status --help
    ",
      "stdout": "",
    }
  `);
  expect(await run("config", "chek")).toMatchInlineSnapshot(`
    {
      "exitCode": 2,
      "json": [Function],
      "stderr": "error: there is no command "config chek"; did you mean "config check"?
    hint: ragctl config check --help
    ",
      "stdout": "",
    }
  `);
  expect((await run("frobnicate")).stderr).toMatchInlineSnapshot(`
    "error: there is no command "frobnicate"
    hint: ragctl --help lists them
    "
  `);
  expect((await run("runs", "--limt", "3")).stderr).toMatchInlineSnapshot(`
    "error: unknown option '--limt' (Did you mean --limit?)
    hint: ragctl runs --help
    "
  `);
  expect((await run("runs", "a", "b")).stderr).toMatchInlineSnapshot(`
    "error: too many arguments. Expected 1 argument but got 2: a, b.
    hint: ragctl runs --help
    "
  `);
  expect((await run("runs", "--limit")).stderr).toMatchInlineSnapshot(`
    "error: option '--limit <n>' argument missing
    hint: ragctl runs --help
    "
  `);
});

test("every value that does not parse, at once", async () => {
  const result = await run("runs", "--limit", "none", "--prune-older-than", "3", "--json");
  expect(result.exitCode).toBe(2);
  expect(result.json().error).toMatchInlineSnapshot(`
    {
      "code": "usage",
      "details": [
        {
          "message": "expected a whole number of zero or more, got "none"",
          "path": "--limit",
        },
        {
          "message": "expected a duration such as 250ms, 10s or 1h30m, got "3"",
          "path": "--prune-older-than",
        },
      ],
      "hint": "ragctl runs --help",
      "message": "2 problems:
      --limit: expected a whole number of zero or more, got "none"
      --prune-older-than: expected a duration such as 250ms, 10s or 1h30m, got "3"",
    }
  `);
});

test("--json is one document, before or after the command", async () => {
  const cwd = tempDir();
  for (const argv of [
    ["--json", "runs"],
    ["runs", "--json"],
  ]) {
    const { json, stderr, exitCode } = await runCli(argv, { cwd });
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
    expect(json()).toMatchObject({ schemaVersion: 1, command: "runs", ok: true, exitCode: 0, warnings: [], next: [] });
  }
});

test("a bug shows its stack and ends in 1; an interruption ends in 130 or 143, without one", async () => {
  const failing = (thrown: unknown) => ({
    ...realClock,
    nowMs: (): number => {
      throw thrown;
    },
  });
  const bug = await runCli(["runs"], { cwd: tempDir(), clock: failing(new TypeError("x is not a function")) });
  expect(bug.exitCode).toBe(1);
  expect(bug.stderr).toMatch(/TypeError: x is not a function\n +at /);
  expect(bug.stderr).toContain("error: a bug in ragctl: x is not a function");
  const documented = await runCli(["runs", "--json"], { cwd: tempDir(), clock: failing(new TypeError("x")) });
  expect(documented.json().error).toMatchObject({ code: "bug", stack: expect.stringContaining("at ") });

  for (const [signal, exitCode] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    const plain = await runCli(["runs"], { cwd: tempDir(), clock: failing(new Interrupted(signal)) });
    expect(plain).toMatchObject({ exitCode, stdout: "", stderr: `error: interrupted by ${signal}\n` });
    const wrapped = new Error("The operation was aborted", { cause: new Interrupted(signal) });
    expect(await runCli(["runs"], { cwd: tempDir(), clock: failing(wrapped) })).toMatchObject({ exitCode });
  }
});

test("colour: on a terminal, unless NO_COLOR or --no-color says no", async () => {
  const code = "\u001B[";
  const at = (options: object, ...argv: string[]) => runCli(["frobnicate", ...argv], { cwd: tempDir(), ...options });
  expect((await at({ isTTY: true })).stderr).toContain(code);
  expect((await at({ isTTY: true }, "--no-color")).stderr).not.toContain(code);
  expect((await at({ isTTY: true, env: { NO_COLOR: "1" } })).stderr).not.toContain(code);
  expect((await at({})).stderr).not.toContain(code);
  expect((await at({ env: { FORCE_COLOR: "1" } })).stderr).toContain(code);
});

test("the same runtime can run one command after another", async () => {
  const runtime = fakeRuntime({ cwd: tempDir(), argv: ["--version"] });
  expect(await main(runtime)).toBe(0);
  expect(await main(runtime)).toBe(0);
  expect(runtime.stdoutText()).toBe("0.0.0-test\n0.0.0-test\n");
});
