// The example of the README does what it says: verdicts, and a registration that passes if there is none.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { start } from "./server.js";

const SERVER = "dns:///numguard.example.com:50051";
const project = fileURLToPath(new URL("../../../", import.meta.url));
// Where the example finds its packages.
const folder = fileURLToPath(new URL("node_modules/.readme/", import.meta.url));

// A debug binary on a busy machine misses 20 ms now and then; the example is asked again, as ever new
// registrations would.
const TRIES = 500;

const examples = [];

// The README's JavaScript, for a server of ours.
async function example(address, authority) {
  const readme = readFileSync(path.join(project, "README.md"), "utf8");
  const code = /\n## Integrate\n.*?```js\n(.*?)```/s.exec(readme)[1];
  assert(code.includes(SERVER) && code.includes('"ca.pem"') && code.includes('["proto"]'));
  const ours = code
    .replace(SERVER, address)
    .replace('"ca.pem"', JSON.stringify(authority))
    .replace('["proto"]', JSON.stringify([path.join(project, "proto")]));
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `example${examples.length}.mjs`);
  writeFileSync(file, ours);
  const made = await import(pathToFileURL(file));
  examples.push(made);
  return made;
}

let server;

before(async () => {
  server = await start();
  process.env.NUMGUARD_API_KEY = server.key;
});

after(async () => {
  for (const { checks } of examples) checks.close();
  await server?.stop();
});

test("it tells the verdict", async () => {
  const { verdict } = await example(server.address, server.authority);
  let told;
  for (let tries = 0; tries < TRIES && told !== "VERDICT_BLOCK"; tries += 1) told = await verdict("no number", "GB");
  assert.equal(told, "VERDICT_BLOCK");
});

test("a registration passes if nobody answers", async () => {
  const sockets = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = `localhost:${silent.address().port}`;
  // Only the deadline ends this one.
  assert.equal(await (await example(address, server.authority)).verdict("no number", "GB"), "VERDICT_ALLOW");
  silent.close();
  for (const socket of sockets) socket.destroy();
  assert.equal(await (await example(address, server.authority)).verdict("no number", "GB"), "VERDICT_ALLOW");
});

test("a registration passes if the key is refused", async () => {
  process.env.NUMGUARD_API_KEY = "ng_wrong";
  const { verdict } = await example(server.address, server.authority);
  for (let tries = 0; tries < 20; tries += 1) assert.equal(await verdict("no number", "GB"), "VERDICT_ALLOW");
});
