// Builds what is committed of the page: page.js, and message_types.json for a Python test.
// Usage: node scripts/build.mjs [--compare]. With --compare it writes nothing, and fails where a committed file differs.

import { readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { messageTypes } from "./message_types.mjs";

const frontend = fileURLToPath(new URL("../", import.meta.url));
const built = {
  "../../src/mereq/web/page/page.js": buildSync({
    absWorkingDir: frontend,
    entryPoints: ["src/main.ts"],
    bundle: true,
    format: "iife",
    globalName: "mereq",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    write: false,
  }).outputFiles[0].contents,
  "../message_types.json": Buffer.from(messageTypes(`${frontend}src/messages.ts`)),
};

for (const [path, contents] of Object.entries(built)) {
  const file = new URL(path, import.meta.url);
  if (!process.argv.includes("--compare")) writeFileSync(file, contents);
  else if (!readFileSync(file).equals(contents)) {
    const name = relative(fileURLToPath(new URL("../../", import.meta.url)), fileURLToPath(file));
    console.error(`${name} differs from a fresh build of frontend/src. Run "make page" and commit what it writes.`);
    process.exitCode = 1;
  }
}
