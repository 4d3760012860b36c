// Starts the served binary with TLS, as any client outside the project would, and ends it well.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

import { generate } from "selfsigned";

// Milliseconds for start and stop. Longer than the drain, to see a drain that hangs.
const PATIENCE = 90_000;

// Variables that begin so are settings of the server; the tests want the defaults.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("NUMGUARD_")));

// A certificate for localhost that signs itself, in files of a folder.
async function certify(folder) {
  const made = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
  });
  const files = { certificate: path.join(folder, "tls.crt"), key: path.join(folder, "tls.key") };
  writeFileSync(files.certificate, made.cert);
  writeFileSync(files.key, made.private);
  return files;
}

export async function start() {
  const binary = process.env.TESTED_NUMGUARD;
  assert(binary, "TESTED_NUMGUARD is not set: expected the path of numguard's binary");
  const folder = mkdtempSync(path.join(tmpdir(), "numguard-node-"));
  const tls = await certify(folder);
  const settings = {
    NUMGUARD_DATA_DIR: path.join(folder, "data"),
    NUMGUARD_LISTEN: "127.0.0.1:0",
    NUMGUARD_WARM_UP: "false",
    NUMGUARD_ACCESS__TLS_CERTIFICATE: tls.certificate,
    NUMGUARD_ACCESS__TLS_KEY: tls.key,
    NUMGUARD_ACCESS__KEYS: "true",
  };
  const env = { ...environment, ...settings };
  const keys = (...verb) =>
    execFileSync(path.resolve(binary), ["key", ...verb, "--offline"], { env, stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
  const key = keys("create", "--client", "tests", "--scopes", "check");
  const revoked = keys("create", "--client", "left", "--scopes", "check");
  keys("revoke", "--yes", revoked.split("_").slice(0, 2).join("_"));
  const server = spawn(path.resolve(binary), ["serve"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const guard = setTimeout(() => server.kill("SIGKILL"), PATIENCE);
  const [line] = await once(createInterface(server.stdout), "line");
  clearTimeout(guard);
  const listening = /^numguard \S+ listening on https:\/\/127\.0\.0\.1:(\d+)$/.exec(line);
  assert(listening, `unexpected first line ${line}`);
  return {
    address: `localhost:${listening[1]}`,
    authority: tls.certificate,
    key,
    revoked,
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
