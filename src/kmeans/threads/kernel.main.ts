import { parentPort, workerData } from "node:worker_threads";
import { startKernel } from "../kernel/load.ts";
import { countersOf, runChunks } from "./chunks.ts";
import type { Job, KernelThreadStart } from "./messages.ts";

/** A thread of the pool: runs the kernel on the memory that all share. */
const { memory, module } = workerData as KernelThreadStart;
const kernel = startKernel(module, memory);
const counters = countersOf(memory);
parentPort!.on("message", (job: Job) => void runChunks(kernel, counters, job));
