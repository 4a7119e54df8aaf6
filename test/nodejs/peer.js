'use strict';
// The other end of a conversation between two languages: dispatches what it
// reads from standard input, prints what it receives, each an envelope in JSON
// a line. The first line printed says that the subscription stands. It ends
// with its input.
//
//   node peer.js SUBSCRIBE_AT DISPATCH_AT TOPIC...

const readline = require('node:readline');
const { v1, connect, timeOf } = require('./api');

const [subscribeAt, dispatchAt, ...topics] = process.argv.slice(2);
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const subscriber = connect(v1.DispatchService, subscribeAt).subscribe();
subscriber.on('data', ({ opened, gaps, envelopes, closed }) => {
  if (opened) print({ nodes: opened.nodes });
  for (const gap of gaps) print({ gap });
  for (const envelope of envelopes) print({ topics: envelope.topics, event: toJSON(envelope.event) });
  if (closed) subscriber.end();
});
subscriber.write({ open: { subscription: 1, topics, policy: 'POLICY_BLOCK', holder: 'peer.js' } });

const publisher = connect(v1.DispatchService, dispatchAt).dispatchStream();
publisher.on('data', ({ refusals }) => refusals.forEach((refusal) => print({ refusal })));

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => {
  const { topics, event } = JSON.parse(line);
  publisher.write({ envelopes: [{ topics, event: fromJSON(event) }] });
});
input.on('close', () => {
  publisher.end();
  subscriber.write({ close: { subscription: 1 } });
});

function toJSON(event) {
  return {
    id: event.id.toString('base64'),
    name: event.name,
    key: event.key ?? '',
    time: timeOf(event).toString(),
    source: event.source ?? '',
    meta: event.meta ?? {},
    data: (event.data ?? Buffer.alloc(0)).toString('base64'),
    data_type: event.dataType ?? '',
  };
}

function fromJSON({ id, name, key, time, source, meta, data, data_type: dataType }) {
  return { id: Buffer.from(id, 'base64'), name, key, timeUnixNano: time, source, meta, data: Buffer.from(data, 'base64'), dataType };
}
