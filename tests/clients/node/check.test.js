// What a sign-up service written in JavaScript asks.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";

import grpc from "@grpc/grpc-js";

import { connect, status, wrongFields } from "./calls.js";
import { start } from "./server.js";

const ORDINARY = "+447400123456";
const starter = new URL("../../../src/core/starter/starter.csv.gz", import.meta.url);
const LISTED = gunzipSync(readFileSync(starter)).toString().split("\n")[60_000].split(",")[0];

let server;
let client;
const tls = () => grpc.credentials.createSsl(readFileSync(server.authority));

before(async () => {
  server = await start();
  client = connect(server.address, tls(), server.key);
});

after(async () => {
  client?.close();
  await server?.stop();
});

test("a number that a feed has seen is challenged, with the evidence", async () => {
  const answer = await client.check({ number: LISTED });
  assert.equal(answer.number, LISTED);
  assert.equal(answer.verdict, "VERDICT_CHALLENGE");
  assert(answer.risk_score >= 50);
  const evidence = answer.reasons.filter((reason) => reason.code === "PUBLIC_INBOX");
  assert.match(evidence[0].evidence, /ip1sms-starter/);
});

test("what a person types is the number in E.164 form, with facts", async () => {
  const answer = await client.check({ number: "07400 123456", default_region: "GB" });
  assert.equal(answer.number, ORDINARY);
  assert.equal(answer.verdict, "VERDICT_ALLOW");
  assert.equal(answer.number_facts.line_type, "MOBILE");
  assert(answer.check_id);
});

test("a batch keeps the order, and a bad number does not fail the others", async () => {
  const requests = [ORDINARY, "hello", LISTED].map((number) => ({ number }));
  const { responses } = await client.batch({ requests });
  const verdicts = responses.map((answer) => answer.verdict);
  assert.deepEqual(verdicts, ["VERDICT_ALLOW", "VERDICT_BLOCK", "VERDICT_CHALLENGE"]);
  assert.equal(responses[1].reasons[0].code, "INVALID_NUMBER");
});

test("a stream answers each number as it comes", async () => {
  const stream = client.stream();
  for (const number of [ORDINARY, LISTED]) {
    stream.write({ request: { number } });
    const [{ response }] = await once(stream, "data");
    assert.equal(response.number, number);
  }
  stream.end();
  const [end] = await once(stream, "status");
  assert.equal(end.code, status.OK);
});

test("what is out of form is refused, and the details name the field", async () => {
  await assert.rejects(client.check({ number: "07400 123456", default_region: "GBR" }), (error) => {
    assert.equal(error.code, status.INVALID_ARGUMENT);
    assert.deepEqual(wrongFields(error), ["default_region"]);
    return true;
  });
});

test("health is SERVING, as a whole and by service", async () => {
  for (const service of ["", "numguard.v1.CheckService"]) {
    assert.equal((await client.health({ service })).status, "SERVING");
  }
});

test("without a key there is health, and nothing else", async () => {
  const stranger = connect(server.address, tls());
  assert.equal((await stranger.health({ service: "" })).status, "SERVING");
  await assert.rejects(stranger.check({ number: ORDINARY }), { code: status.UNAUTHENTICATED });
  stranger.close();
});

test("a key that does not count is told why, and not repeated", async () => {
  const last = server.key.endsWith("0") ? "1" : "0";
  for (const [key, told] of [[server.revoked, /was revoked/], [server.key.slice(0, -1) + last, /API key/], ["no key", /API key/]]) {
    const refused = connect(server.address, tls(), key);
    await assert.rejects(refused.check({ number: ORDINARY }), (error) => {
      assert.equal(error.code, status.UNAUTHENTICATED);
      assert.match(error.details, told);
      assert(!error.details.includes(key));
      return true;
    });
    refused.close();
  }
});

test("a key for checks is for nothing else", async () => {
  await assert.rejects(client.report({ outcomes: [{ number: ORDINARY, kind: "OUTCOME_KIND_VERIFIED" }] }), (error) => {
    assert.equal(error.code, status.PERMISSION_DENIED);
    assert.match(error.details, /report/);
    return true;
  });
});

test("a server that others have signed is not spoken to", async () => {
  const stranger = connect(server.address, grpc.credentials.createSsl(), server.key);
  await assert.rejects(stranger.check({ number: ORDINARY }), { code: status.UNAVAILABLE });
  stranger.close();
});
