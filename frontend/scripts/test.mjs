// Compiles the unit tests into a temporary folder and runs them with Node's own test runner.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const tests = fileURLToPath(new URL("../test/", import.meta.url));
const names = readdirSync(tests).filter((name) => name.endsWith(".test.ts"));
const folder = mkdtempSync(join(tmpdir(), "mereq-page-"));
try {
  buildSync({
    entryPoints: names.map((name) => join(tests, name)),
    bundle: true,
    platform: "node",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    sourcemap: "inline",
    outdir: folder,
  });
  const compiled = names.map((name) => join(folder, name.replace(/\.ts$/, ".mjs")));
  const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=dot", ...compiled], { stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
