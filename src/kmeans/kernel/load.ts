import { readFileSync } from "node:fs";
import { RagctlError } from "../../errors.ts";
import type { KernelExports, KernelVariant } from "./contract.ts";
import { engine, type KernelModule, type SharedMemory } from "./engine.ts";

/**
 * Compiles the kernel: with relaxed SIMD where the engine has it, else with plain SIMD.
 * @throws RagctlError where it was never built, or the engine has no SIMD
 */
export function loadKernel(wanted?: KernelVariant): { module: KernelModule; variant: KernelVariant } {
  for (const variant of wanted ? [wanted] : (["relaxed", "simd"] as const)) {
    const bytes = readKernel(variant);
    if (engine.validate(bytes)) return { module: new engine.Module(bytes), variant };
  }
  throw new RagctlError("This Node has no WebAssembly SIMD, which k-means needs.", {
    code: "no-simd",
    exitCode: 2,
    hint: "Use Node 22.19 or newer.",
  });
}

export function startKernel(module: KernelModule, memory: SharedMemory): KernelExports {
  return new engine.Instance(module, { env: { memory } }).exports as KernelExports;
}

function readKernel(variant: KernelVariant): Uint8Array {
  try {
    return readFileSync(new URL(`./${variant}.wasm`, import.meta.url));
  } catch (error) {
    throw new RagctlError("The k-means kernel is not there: it is compiled when ragctl is built.", {
      code: "kernel-missing",
      exitCode: 2,
      hint: "In a checkout, run npm run build.",
      cause: error,
    });
  }
}
