/**
 * Compiles the k-means kernel (AssemblyScript) to WebAssembly, with plain SIMD and with relaxed SIMD, beside its sources, where a checkout
 * finds it, and into `dist`, where the published package does. A part of `npm run build`.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
// Not by its import: its types declare a console, a number and more of their own, for everyone.
const compiler = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
const folder = join("src", "kmeans", "kernel");
const variants = { simd: "simd,threads", relaxed: "simd,threads,relaxed-simd" };
const memory = "--importMemory --sharedMemory --noExportMemory --initialMemory 1 --maximumMemory 65536";

mkdirSync(join(root, "dist", folder), { recursive: true });
for (const [name, features] of Object.entries(variants)) {
  const file = join(folder, `${name}.wasm`);
  const options = `${memory} --runtime stub --noAssert -O3 --converge --enable ${features} -o ${file}`;
  execFileSync(process.execPath, [compiler, join(folder, "assembly", "index.ts"), ...options.split(" ")], {
    cwd: root,
    stdio: "inherit",
  });
  copyFileSync(join(root, file), join(root, "dist", file));
}
