'use strict';
// What docs/protocol.md promises to a client in another language, tried with
// the usual packages of Node.js against two nodes, one called A and one B:
//
//	EVENTNODE_A=127.0.0.1:7401 EVENTNODE_B=127.0.0.1:7403 npm test

const assert = require('node:assert/strict');
const { test } = require('node:test');
const protobuf = require('protobufjs');
const { v1, later, connect, call, newEvent, errorInfo, Messages, grpc } = require('./api');

const addressA = process.env.EVENTNODE_A;
const addressB = process.env.EVENTNODE_B;
const a = connect(v1.DispatchService, addressA);
const b = connect(v1.DispatchService, addressB);
const limit = { timeout: 20_000 };

// JavaScript's strings may hold what is not UTF-8.
const halfEmoji = '\u{1F600}'.slice(0, 1);

// open opens a subscription and waits until it stands.
async function open(stream, messages, subscription, topics, more) {
  stream.write({ open: { subscription, topics, policy: 'POLICY_BLOCK', ...more } });
  const answer = await messages.next();
  assert.equal(answer.subscription, String(subscription));
  assert.equal(answer.opened?.nodes, 2, JSON.stringify(answer));
  assert.deepEqual(answer.opened.missing, []);
}

async function subscribe(t, client, topics, more) {
  const { stream, messages } = begin(t, client.subscribe());
  await open(stream, messages, 1, topics, more);
  return { stream, messages };
}

// begin reads a stream, which ends with the test: one that is left open keeps
// the process.
function begin(t, stream) {
  t.after(() => stream.cancel());
  return { stream, messages: new Messages(stream) };
}

// receive reads events of one subscription until it has count of them. Gaps are
// not expected.
async function receive(messages, count) {
  const envelopes = [];
  while (envelopes.length < count) {
    const message = await messages.next();
    assert.ok(message, 'the stream has ended');
    assert.equal(message.subscription, '1');
    assert.deepEqual(message.gaps, []);
    envelopes.push(...message.envelopes);
  }
  return envelopes;
}

// publish sends requests over a stream of their own and returns the answers.
async function publish(t, client, requests) {
  const { stream, messages } = begin(t, client.dispatchStream());
  for (const request of requests) stream.write(request);
  stream.end();
  return messages.rest();
}

const names = (envelopes) => envelopes.map(({ event }) => event.name);

// rejects returns the error of a call that must fail.
async function rejects(promise) {
  let error;
  await assert.rejects(promise, (e) => {
    error = e;
    return true;
  });
  return error;
}

test('members of the cluster', limit, async (t) => {
  const cluster = connect(v1.ClusterService, addressA);
  const { nodes } = await call(cluster, 'nodes', {});
  assert.deepEqual(nodes.map(({ id, state, link }) => [id, state, link]), [
    ['n1', 'NODE_STATE_ALIVE', 'LINK_STATE_SELF'],
    ['n2', 'NODE_STATE_ALIVE', 'LINK_STATE_UP'],
  ]);
  assert.equal(nodes[1].rpcAddress, addressB);
  assert.ok(BigInt(nodes[1].epoch) > BigInt(Number.MAX_SAFE_INTEGER)); // why 64 bits need care
  const status = await call(cluster, 'status', {});
  assert.equal(status.id, 'n1');
  assert.equal(status.healthy, true);
  assert.equal(status.nodes, 2);
});

test('many envelopes a message, several topics, several subscriptions on a stream', limit, async (t) => {
  const total = 20_000;
  const topics = Array.from({ length: 5 }, (_, i) => `topic:order.${i}`);
  const { stream, messages } = begin(t, b.subscribe());
  const wants = { 1: topics, 2: topics.slice(1, 3), 3: [topics[4]] };
  for (const [subscription, some] of Object.entries(wants)) await open(stream, messages, subscription, some);

  // Each fifth event goes to two topics: a subscription to both gets it once.
  const topicsOf = (n) => (n % 5 === 4 ? [topics[4], topics[0]] : [topics[n % 5]]);
  const requests = [];
  for (let n = 0; n < total; n += 500) {
    requests.push({
      envelopes: Array.from({ length: 500 }, (_, i) => ({
        topics: topicsOf(n + i),
        event: newEvent(`e${n + i}`, { data: Buffer.alloc(100, i) }),
      })),
    });
  }
  const answers = publish(t, a, requests);

  const all = Array.from({ length: total }, (_, n) => n);
  const want = {};
  for (const [subscription, some] of Object.entries(wants)) {
    want[subscription] = all.filter((n) => topicsOf(n).some((t) => some.includes(t))).map((n) => `e${n}`);
  }
  const got = { 1: [], 2: [], 3: [] };
  while (Object.keys(want).some((s) => got[s].length < want[s].length)) {
    const message = await messages.next();
    assert.deepEqual(message.gaps, []);
    got[message.subscription].push(...names(message.envelopes));
  }
  assert.deepEqual(got, want);

  let handled = 0n;
  for (const answer of await answers) {
    assert.ok(BigInt(answer.handled) > handled);
    assert.deepEqual(answer.refusals, []);
    handled = BigInt(answer.handled);
  }
  assert.equal(handled, BigInt(total));
});

test('every field of an event, and fields that no node knows', limit, async (t) => {
  const newer = later((type) => {
    type('Event').add(new protobuf.Field('colour', 100, 'string'));
    type('Envelope').add(new protobuf.Field('trace', 100, 'bytes'));
  });
  const { stream, messages } = await subscribe(t, connect(newer.DispatchService, addressB), ['topic:later']);
  const sent = {
    topics: ['topic:later', 'topic:nobody'],
    event: newEvent('painted', {
      key: 'käse', timeUnixNano: '1700000000123456789', source: '/shards/3', meta: { a: '1', b: '' },
      data: Buffer.from(Array.from({ length: 256 }, (_, i) => i)), dataType: 'application/octet-stream', colour: 'blue',
    }),
    trace: Buffer.from([1, 2, 3]),
  };
  const publisher = connect(newer.DispatchService, addressA);
  await publish(t, publisher, [{ envelopes: [sent] }]);
  await publish(t, publisher, [{ tracked: [{ envelope: sent }] }]);
  await call(publisher, 'dispatch', { envelope: sent });
  for (const envelope of await receive(messages, 3)) assert.deepEqual(plain(envelope), plain(sent));
});

// plain takes the classes away that gRPC's packages put around maps and bytes.
const plain = (value) => JSON.parse(JSON.stringify(value));

test('what is refused is refused alone', limit, async (t) => {
  const { stream, messages } = await subscribe(t, b, ['topic:alone']);
  const good = (name) => ({ topics: ['topic:alone'], event: newEvent(name) });
  const answers = await publish(t, a, [
    {
      envelopes: [
        good('1'),
        { topics: ['no colon'], event: newEvent('2') },
        { topics: ['guess:1'], event: newEvent('3') },
        { topics: ['topic:*'], event: newEvent('4') },
        { topics: [], event: newEvent('5') },
        good('6'),
        { topics: ['topic:alone'] },
        { topics: ['topic:alone'], event: { name: '8' } },
        { topics: ['topic:alone'], event: { id: Buffer.alloc(15, 1), name: '9' } },
        { topics: ['topic:alone'], event: newEvent(halfEmoji) },
        { topics: [`topic:${halfEmoji}`], event: newEvent('11') },
        { topics: ['topic:alone'], event: newEvent('12', { meta: { '': 'x' } }) },
        { topics: ['topic:alone'], event: newEvent('13', { data: Buffer.alloc(1 << 20) }) },
        { topics: Array(257).fill('topic:alone'), event: newEvent('14') },
      ],
    },
    { envelopes: [good('15')] },
  ]);
  const refusals = answers.flatMap((answer) => answer.refusals);
  assert.deepEqual(refusals.map(({ number, reason }) => [number, reason]), [
    ['2', 'BAD_TOPIC'], ['3', 'BAD_TOPIC'], ['4', 'BAD_TOPIC'], ['5', 'BAD_TOPIC'],
    ['7', 'INVALID_EVENT'], ['8', 'INVALID_EVENT'], ['9', 'INVALID_EVENT'], ['10', 'INVALID_EVENT'],
    ['11', 'BAD_TOPIC'], ['12', 'INVALID_EVENT'], ['13', 'LIMIT'], ['14', 'LIMIT'],
  ]);
  assert.deepEqual(refusals[0].details, { topic: 'no colon', why: 'it has no colon; write kind:key' });
  assert.equal(refusals[10].details.limit, 'max_event_bytes');
  assert.equal(refusals[10].details.max, '1048576');
  assert.equal(refusals[11].details.limit, 'max_topics_per_event');
  for (const { message } of refusals) assert.notEqual(message, '');
  assert.equal(answers.at(-1).handled, '15');
  assert.deepEqual(names(await receive(messages, 3)), ['1', '6', '15']);
});

test('receipts on a stream keep their place', limit, async (t) => {
  const { stream, messages } = await subscribe(t, b, ['topic:receipt']);
  const envelope = (name, topic = 'topic:receipt') => ({ topics: [topic], event: newEvent(name) });
  const answers = await publish(t, a, [
    { envelopes: [envelope('1')] },
    { tracked: [{ envelope: envelope('2') }, { envelope: envelope('x', 'bad') }, { envelope: envelope('4', 'topic:nobody') }] },
    { tracked: [{ envelope: envelope('5'), timeout: { seconds: 5 } }, { envelope: envelope('x', `topic:${halfEmoji}`) }] },
    { envelopes: [envelope('7')] },
  ]);
  assert.deepEqual(names(await receive(messages, 4)), ['1', '2', '5', '7']);
  const receipts = Object.fromEntries(answers.flatMap((m) => m.receipts).map(({ number, receipt }) => [number, receipt]));
  assert.deepEqual(Object.keys(receipts), ['2', '4', '5']);
  assert.equal(receipts[2].reached, '1');
  assert.deepEqual(receipts[2].nodes.map(({ node, reached }) => [node, reached]), [['n2', '1']]);
  assert.deepEqual(receipts[4].nodes, []);
  assert.deepEqual(answers.flatMap((m) => m.refusals).map(({ number, reason }) => [number, reason]), [['3', 'BAD_TOPIC'], ['6', 'BAD_TOPIC']]);
  // A receipt never comes before its number is handled.
  for (const { handled, receipts } of answers) {
    for (const { number } of receipts) assert.ok(BigInt(number) <= BigInt(handled));
  }
});

test('one event, with a receipt', limit, async (t) => {
  const { stream, messages } = await subscribe(t, b, ['topic:one']);
  const { receipt } = await call(a, 'dispatch', { envelope: { topics: ['topic:one'], event: newEvent('one') }, receipt: true });
  assert.equal(receipt.reached, '1');
  assert.deepEqual(receipt.nodes.map(({ node, reached, error }) => [node, reached, error ?? '']), [['n2', '1', '']]);
  assert.deepEqual(names(await receive(messages, 1)), ['one']);
  const without = await call(a, 'dispatch', { envelope: { topics: ['topic:one'], event: newEvent('two') } });
  assert.equal(without.receipt ?? null, null);
  assert.deepEqual(names(await receive(messages, 1)), ['two']);
});

test('a gap stands in the place of what is missing, with its number', limit, async (t) => {
  const total = 20_000;
  const { stream, messages } = await subscribe(t, b, ['topic:slow'], { policy: 'POLICY_DROP_OLDEST', queueEvents: 50 });
  const requests = [];
  for (let n = 0; n < total; n += 100) {
    requests.push({
      envelopes: Array.from({ length: 100 }, (_, i) => ({
        topics: ['topic:slow'],
        event: newEvent(`${n + i}`, { data: Buffer.alloc(1000) }),
      })),
    });
  }
  await publish(t, a, requests); // and nobody reads meanwhile
  let next = 0;
  let gaps = 0;
  while (next < total) {
    const message = await messages.next();
    for (const gap of message.gaps) {
      assert.equal(gap.reason, 'GAP_REASON_QUEUE_FULL');
      assert.equal(gap.node ?? '', '');
      next += Number(gap.count);
      gaps++;
    }
    for (const { event } of message.envelopes) assert.equal(event.name, String(next++));
  }
  assert.equal(next, total);
  assert.ok(gaps > 0);
});

test('subscriptions end one by one, the stream with the last', limit, async (t) => {
  const { stream, messages } = begin(t, b.subscribe());
  await open(stream, messages, 7, ['topic:end']);
  await open(stream, messages, 9, ['topic:end']);
  stream.write({ close: { subscription: 7 } });
  const closed = await messages.next();
  assert.deepEqual([closed.subscription, closed.closed.reason], ['7', 'CLOSED']);
  stream.write({ close: { subscription: 7 } }); // has ended already: nothing happens
  await publish(t, a, [{ envelopes: [{ topics: ['topic:end'], event: newEvent('after') }] }]);
  const message = await messages.next();
  assert.equal(message.subscription, '9');
  assert.deepEqual(names(message.envelopes), ['after']);
  await open(stream, messages, 7, ['topic:end']); // the number is free again
  stream.write({ close: { subscription: 7 } });
  assert.equal((await messages.next()).closed.reason, 'CLOSED');
  stream.write({ close: { subscription: 9 } });
  stream.end();
  assert.deepEqual((await messages.rest()).map((m) => [m.subscription, m.closed?.reason]), [['9', 'CLOSED']]);
});

test('a subscription that is refused is closed, and the others stay', limit, async (t) => {
  const { stream, messages } = await subscribe(t, b, ['topic:stays']);
  const refused = async (subscription, more) => {
    stream.write({ open: { subscription, topics: ['topic:x'], ...more } });
    const { subscription: number, closed } = await messages.next();
    assert.equal(number, String(subscription));
    return closed;
  };
  const bad = await refused(2, { topics: ['topic:x', 'colonless'] });
  assert.deepEqual([bad.reason, bad.details.topic], ['BAD_TOPIC', 'colonless']);
  const over = await refused(3, { queueEvents: 1 << 30 });
  assert.deepEqual([over.reason, over.details], ['LIMIT', { limit: 'max_queue_events', max: '1048576', got: '1073741824' }]);
  assert.equal((await refused(4, { topics: [] })).reason, 'INVALID_ARGUMENT');
  await publish(t, a, [{ envelopes: [{ topics: ['topic:stays'], event: newEvent('here') }] }]);
  assert.deepEqual(names(await receive(messages, 1)), ['here']);
});

test('errors of calls carry a reason, and its fields', limit, async (t) => {
  const envelope = { topics: ['colonless'], event: newEvent('x') };
  let error = await rejects(call(a, 'dispatch', { envelope }));
  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  let info = errorInfo(error);
  assert.deepEqual([info.reason, info.domain, info.metadata.topic], ['BAD_TOPIC', 'eventnode', 'colonless']);

  error = await rejects(call(a, 'dispatch', { envelope: { topics: ['topic:x'], event: newEvent('x', { data: Buffer.alloc(1 << 20) }) } }));
  assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
  info = errorInfo(error);
  assert.equal(info.reason, 'LIMIT');
  assert.equal(info.metadata.limit, 'max_event_bytes');
  assert.ok(Number(info.metadata.got) > Number(info.metadata.max));

  const groups = connect(v1.GroupService, addressA);
  error = await rejects(call(groups, 'sendOne', { group: 'nobody', event: newEvent('x') }));
  assert.equal(error.code, grpc.status.NOT_FOUND);
  assert.equal(errorInfo(error).reason, 'NO_MEMBERS');

  // A message that is none is gRPC's affair: there is no reason of ours.
  const raw = later((type) => {
    type('Envelope').fields.topics.type = 'bytes';
  });
  error = await rejects(call(connect(raw.DispatchService, addressA), 'dispatch', { envelope: { topics: [Buffer.from([0xff])] } }));
  assert.equal(error.code, grpc.status.INTERNAL);
  assert.equal(errorInfo(error), undefined);
});

test('mistakes that end a stream', limit, async (t) => {
  const ends = async (client, method, request) => {
    const { stream, messages } = begin(t, client[method]());
    stream.write(request);
    const error = await rejects(messages.rest());
    return [error.code, errorInfo(error)?.reason];
  };
  const invalid = [grpc.status.INVALID_ARGUMENT, 'INVALID_ARGUMENT'];
  const envelope = { topics: ['topic:x'], event: newEvent('x') };
  assert.deepEqual(await ends(a, 'dispatchStream', { envelopes: [envelope], tracked: [{ envelope }] }), invalid);
  assert.deepEqual(await ends(a, 'subscribe', { open: { subscription: 0, topics: ['topic:x'] } }), invalid);
  assert.deepEqual(await ends(a, 'subscribe', {}), invalid);
  const newer = later((type) => {
    type('SubscribeRequest').add(new protobuf.Field('pause', 100, 'uint64'));
    type('SubscribeRequest').oneofs.request.add(type('SubscribeRequest').fields.pause);
  });
  assert.deepEqual(await ends(connect(newer.DispatchService, addressA), 'subscribe', { pause: 1 }), invalid);

  // What is not UTF-8 is refused alone among envelopes only: elsewhere the
  // message is none.
  const topics = [`topic:${halfEmoji}`];
  assert.deepEqual(await ends(a, 'subscribe', { open: { subscription: 1, topics } }), [grpc.status.INTERNAL, undefined]);
  const large = { envelopes: Array(17).fill({ topics: ['topic:x'], event: newEvent('x', { data: Buffer.alloc(1_000_000) }) }) };
  assert.deepEqual(await ends(a, 'dispatchStream', large), [grpc.status.RESOURCE_EXHAUSTED, undefined]);
});

test('who subscribes', limit, async (t) => {
  const { stream } = await subscribe(t, b, ['topic:listed', 'topic:too'], { holder: 'node.js' });
  const request = { topic: 'topic:listed' };
  const { subscriptions, missing } = await call(a, 'listSubscriptions', request);
  assert.deepEqual(missing, []);
  assert.deepEqual(subscriptions.map(({ node, holder, topics, policy }) => [node, holder, topics, policy]), [
    ['n2', 'node.js', ['topic:listed', 'topic:too'], 'POLICY_BLOCK'],
  ]);
  assert.deepEqual((await call(a, 'listSubscriptions', { ...request, local: true })).subscriptions, []);
});

test('groups: members, answers in order, broadcast, the end of the stream', limit, async (t) => {
  const [groupsA, groupsB] = [addressA, addressB].map((address) => connect(v1.GroupService, address));
  const { messages: monitor } = begin(t, groupsA.monitor({ group: 'workers' }));
  assert.deepEqual(plain(await monitor.next()), { changes: [], snapshot: true, snapshotEnd: true });

  const { stream: hold, messages } = begin(t, groupsB.hold());
  const ask = async (request) => {
    hold.write(request);
    return messages.next();
  };
  const { opened: one } = await ask({ open: {} });
  const { opened: two } = await ask({ open: { queueEvents: 16 } });
  assert.equal(one.node, 'n2');
  const join = (refs, more) => ask({ join: { entries: [{ group: 'workers', refs }], wait: { seconds: 5 }, ...more } });
  const { result } = await join([one.ref, one.ref, two.ref], { meta: Buffer.from('gpu') });
  assert.deepEqual([result.joined, result.missing], [3, []]);

  const [change] = (await monitor.next()).changes;
  assert.equal(change.group, 'workers');
  assert.deepEqual(change.joined.map(({ member, meta }) => [member.ref, meta.toString()]).sort(), [
    [one.ref, 'gpu'], [one.ref, 'gpu'], [two.ref, 'gpu'],
  ].sort());
  const listed = (await begin(t, groupsA.members({ group: 'workers' })).messages.rest()).flatMap((m) => m.members);
  assert.equal(listed.length, 3);
  const summaries = (await begin(t, groupsA.groups({})).messages.rest()).flatMap((m) => m.groups);
  assert.deepEqual(plain(summaries.filter((g) => g.group === 'workers')), [{ group: 'workers', members: '3' }]);

  // Once per membership: one message names a member twice, or it comes twice.
  const event = newEvent('work', { key: 'k', data: Buffer.from('do it') });
  const { delivered, missing } = await call(groupsA, 'broadcast', { group: 'workers', event });
  assert.deepEqual([delivered, missing], ['3', []]);
  const got = [];
  while (got.length < 3) {
    const { delivery } = await messages.next();
    assert.equal(delivery.group, 'workers');
    assert.equal(delivery.gap ?? null, null);
    assert.deepEqual(plain(delivery.event), plain(event));
    got.push(...delivery.refs);
  }
  assert.deepEqual(got.sort(), [one.ref, one.ref, two.ref].sort());

  const { member } = await call(groupsA, 'sendOne', { group: 'workers', event, strategy: 'STRATEGY_HASH', hashKey: 'k' });
  assert.deepEqual((await messages.next()).delivery.refs, [member.ref]);

  // A failure is the operation's, not the stream's.
  const stranger = (await join(['123456789'])).result;
  assert.deepEqual([stranger.errorReason, stranger.joined ?? 0], ['NOT_OWNER', 0]);
  const leave = (await ask({ leave: { entries: [{ group: 'elsewhere', refs: [one.ref] }] } })).result;
  assert.equal(leave.errorReason, 'NOT_JOINED');
  const tooLong = (await join([one.ref], { meta: Buffer.alloc(2000) })).result;
  assert.deepEqual([tooLong.errorReason, tooLong.errorDetails.limit], ['LIMIT', 'max_meta_bytes']);
  const unknown = (await ask({})).result;
  assert.equal(unknown.errorReason, 'INVALID_ARGUMENT');

  // Half-closing ends it: the members leave.
  hold.end();
  assert.deepEqual(await messages.rest(), []);
  const [gone] = (await monitor.next()).changes;
  assert.equal(gone.left.length, 3);
});

test('links between nodes are not for clients', limit, async (t) => {
  const Lane = grpc.makeGenericClientConstructor({
    lane: {
      path: '/eventnode.cluster.v1.LinkService/Lane', requestStream: true, responseStream: true,
      requestSerialize: (m) => m, requestDeserialize: (m) => m, responseSerialize: (m) => m, responseDeserialize: (m) => m,
    },
  });
  const { stream, messages } = begin(t, connect(Lane, addressA).lane());
  stream.write(Buffer.from([0x10, 0x00])); // open_lane: 0
  const error = await rejects(messages.rest());
  assert.equal(error.code, grpc.status.UNAUTHENTICATED);
});
