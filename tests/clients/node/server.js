// Starts the served binary, as any client outside the project would, and ends it well.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

// Milliseconds for start and stop. Longer than the drain, to see a drain that hangs.
const PATIENCE = 30_000;

export async function start() {
  const binary = process.env.TESTED_NUMGUARD;
  assert(binary, "TESTED_NUMGUARD is not set: expected the path of numguard's binary");
  const folder = mkdtempSync(path.join(tmpdir(), "numguard-node-"));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("NUMGUARD_")));
  env.NUMGUARD_WARM_UP = "false";
  env.NUMGUARD_METRICS__LISTEN = "";
  const server = spawn(path.resolve(binary), ["serve", "--data-dir", path.join(folder, "data"), "--listen", "127.0.0.1:0"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const guard = setTimeout(() => server.kill("SIGKILL"), PATIENCE);
  const [line] = await once(createInterface(server.stdout), "line");
  clearTimeout(guard);
  const listening = /^numguard \S+ listening on https?:\/\/127\.0\.0\.1:(\d+)$/.exec(line);
  assert(listening, `unexpected first line ${line}`);
  return {
    address: `localhost:${listening[1]}`,
    async stop() {
      const ended = once(server, "exit");
      const guard = setTimeout(() => server.kill("SIGKILL"), PATIENCE);
      server.kill("SIGTERM");
      const [code] = await ended;
      clearTimeout(guard);
      rmSync(folder, { recursive: true });
      assert.equal(code, 0, "the server did not end well");
    },
  };
}
