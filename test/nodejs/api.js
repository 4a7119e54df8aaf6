'use strict';
// What the programs here share: the services, loaded from the .proto files as
// they stand, and a few lines that every client needs beside them.

const crypto = require('node:crypto');
const path = require('node:path');
const { promisify } = require('node:util');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const protoDir = path.join(__dirname, '..', '..', 'proto');
const files = ['event', 'dispatch', 'groups', 'cluster'].map((name) => `eventnode/v1/${name}.proto`);

// Numbers of 64 bits do not fit into JavaScript's. Fields that are absent stay
// so: a gap without a count is not a gap of 0.
const options = { longs: String, enums: String, arrays: true };

const v1 = services(loader.loadSync(files, { ...options, includeDirs: [protoDir] }));

function services(definition) {
  return grpc.loadPackageDefinition(definition).eventnode.v1;
}

// later is the services as another version of the protocol may have them: change
// gets the message types by name.
function later(change) {
  const root = new protobuf.Root();
  root.resolvePath = (origin, target) => (target.startsWith('google/protobuf/') ? target : path.resolve(protoDir, target));
  root.loadSync(files);
  change((name) => root.lookupType(`eventnode.v1.${name}`));
  return services(loader.fromJSON(root.toJSON(), options));
}

function connect(Service, address) {
  return new Service(address, grpc.credentials.createInsecure());
}

// call makes a unary call.
function call(client, method, request) {
  return promisify(client[method]).call(client, request);
}

// newId makes a UUIDv7: milliseconds, version and variant, random bits.
function newId() {
  const id = crypto.randomBytes(16);
  id.writeUIntBE(Date.now(), 0, 6);
  id[6] = 0x70 | (id[6] & 0x0f);
  id[8] = 0x80 | (id[8] & 0x3f);
  return id;
}

// newEvent makes an event with the required fields and those given.
function newEvent(name, fields) {
  return { id: newId(), name, ...fields };
}

// timeOf is when an event happened, in nanoseconds: if it does not say, it is
// the milliseconds in its id.
function timeOf(event) {
  const said = BigInt(event.timeUnixNano ?? 0);
  return said !== 0n ? said : BigInt(event.id.readUIntBE(0, 6)) * 1000000n;
}

const details = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
`).root;

// errorInfo is the google.rpc.ErrorInfo of an error that a call failed with.
function errorInfo(error) {
  const [status] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!status) return undefined;
  for (const any of details.lookupType('google.rpc.Status').decode(status).details) {
    if (any.typeUrl.endsWith('/google.rpc.ErrorInfo')) {
      return details.lookupType('google.rpc.ErrorInfo').decode(any.value);
    }
  }
  return undefined;
}

// Messages reads a stream, one message after the other. While nobody asks for
// the next one, gRPC takes no more from the node than its window has room for.
class Messages {
  constructor(stream) {
    this.stream = stream;
    this.iterator = stream[Symbol.asyncIterator]();
    stream.on('error', () => {}); // next throws it
  }

  // next is the next message; undefined if the node has ended the stream.
  async next() {
    return (await this.iterator.next()).value;
  }

  // rest reads up to the end of the stream.
  async rest() {
    const all = [];
    for (let m = await this.next(); m; m = await this.next()) all.push(m);
    return all;
  }
}

module.exports = { v1, later, connect, call, newEvent, timeOf, errorInfo, Messages, grpc };
