'use strict';
// Subscribes at one node, dispatches at another, prints what arrives:
//
//   node example.js 127.0.0.1:7401 127.0.0.1:7403

const crypto = require('node:crypto');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const definition = loader.loadSync('eventnode/v1/dispatch.proto', {
  includeDirs: [path.join(__dirname, '../../proto')],
  longs: String, // numbers of 64 bits do not fit into JavaScript's
  enums: String,
  arrays: true,
});
const { DispatchService } = grpc.loadPackageDefinition(definition).eventnode.v1;
const connect = (address) => new DispatchService(address, grpc.credentials.createInsecure());
const [subscribeAt, dispatchAt] = process.argv.slice(2);

const subscriber = connect(subscribeAt).subscribe();
subscriber.on('data', ({ opened, gaps, envelopes, closed }) => {
  if (opened) dispatch(); // the other nodes know of the subscription now
  for (const gap of gaps) console.log(`missed ${gap.count ?? 'some'}: ${gap.reason}`);
  for (const { topics, event } of envelopes) {
    console.log(`${topics} ${event.name} ${event.data}`);
    subscriber.write({ close: { subscription: 1 } });
  }
  if (closed) subscriber.end(); // nothing more to open: the node ends the stream
});
subscriber.write({ open: { subscription: 1, topics: ['topic:orders'], policy: 'POLICY_BLOCK' } });

function dispatch() {
  const publisher = connect(dispatchAt).dispatchStream();
  publisher.on('data', ({ refusals }) => {
    for (const refusal of refusals) console.log(`refused: ${refusal.reason}`);
  });
  publisher.write({
    envelopes: [
      { topics: ['topic:orders'], event: { id: newId(), name: 'order_placed', data: Buffer.from('{"id":1}') } },
    ],
  });
  publisher.end(); // the node handles what it was sent, then ends the stream
}

// A UUIDv7: milliseconds, version and variant, random bits.
function newId() {
  const id = crypto.randomBytes(16);
  id.writeUIntBE(Date.now(), 0, 6);
  id[6] = 0x70 | (id[6] & 0x0f);
  id[8] = 0x80 | (id[8] & 0x3f);
  return id;
}
