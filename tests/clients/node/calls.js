// The published protos, loaded as they stand, and the calls as promises.

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { service as Health } from "grpc-health-check";
import protobuf from "protobufjs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const protos = fileURLToPath(new URL("../../../proto", import.meta.url));
const loaded = loadSync("numguard/v1/check.proto", { includeDirs: [protos], keepCase: true, enums: String, defaults: true });
const { CheckService } = grpc.loadPackageDefinition(loaded).numguard.v1;
const HealthService = grpc.makeGenericClientConstructor(Health, "Health");

// What google.rpc says of these two messages.
const details = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message BadRequest {
    message FieldViolation { string field = 1; string description = 2; }
    repeated FieldViolation field_violations = 1;
  }`).root;
const Status = details.lookupType("google.rpc.Status");
const BadRequest = details.lookupType("google.rpc.BadRequest");

export const { status } = grpc;

// Every call gets a deadline, so that no test can wait for ever.
const deadline = () => ({ deadline: Date.now() + 15_000 });

export function connect(address, credentials, key) {
  const metadata = new grpc.Metadata();
  if (key) metadata.set("authorization", `Bearer ${key}`);
  const checks = new CheckService(address, credentials);
  const health = new HealthService(address, credentials);
  const call = (client, method) => {
    const promised = promisify(client[method].bind(client));
    return (request) => promised(request, metadata, deadline());
  };
  return {
    check: call(checks, "CheckNumber"),
    batch: call(checks, "BatchCheckNumbers"),
    report: call(checks, "ReportOutcomes"),
    stream: () => checks.StreamCheckNumbers(metadata, deadline()),
    health: call(health, "check"),
    close() {
      checks.close();
      health.close();
    },
  };
}

// The fields that the details of a refused call name.
export function wrongFields(error) {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  return Status.decode(bytes)
    .details.filter((detail) => detail.typeUrl === "type.googleapis.com/google.rpc.BadRequest")
    .flatMap((detail) => BadRequest.decode(detail.value).fieldViolations.map((violation) => violation.field));
}
