#!/usr/bin/env node
// Runs on any Node, so that a too-old one gets one clear line: nothing newer than the check itself may be imported statically.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`ragctl needs Node 22.19 or newer; this is ${process.versions.node}.\n`);
  process.exit(2);
}
process.getBuiltinModule("node:module").enableCompileCache();
const [{ main }, { processRuntime }, { version }] = await Promise.all([
  import("../commands/main.ts"),
  import("../src/runtime.ts"),
  import("../src/version.ts"),
]);
process.exitCode = await main(processRuntime(version));
