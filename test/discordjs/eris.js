// Prints what Eris tells, as client.js does of discord.js. It asks over HTTPS only, so there
// is a proxy before the gateway's HTTP; and it has the whole stream compressed.
//
//   node eris.js PORT CERTIFICATE TOKEN

'use strict';

const fs = require('node:fs');
const https = require('node:https');
const Eris = require('eris');

const [port, certificate, token] = process.argv.slice(2);
const tell = (what, fields) => console.log(JSON.stringify({ what, ...fields }));

const client = new Eris.Client(token, {
  rest: { domain: '127.0.0.1', baseURL: '/api/v10', agent: new https.Agent({ port, ca: fs.readFileSync(certificate) }) },
  intents: ['guilds', 'guildMessages', 'messageContent'],
  maxShards: 'auto',
  compress: true,
});

client.on('rawWS', ({ t, s, d }, shard) => {
  if (t) tell('raw', { type: t, seq: s, shard, id: d?.id, guild: d?.guild_id ?? d?.id, session: d?.session_id, resume: d?.resume_gateway_url });
});
client.on('ready', () => tell('ready', { guilds: client.guilds.map(g => g.id), shards: client.shards.size, compressed: client.options.compress }));
client.on('messageCreate', m => tell('message', { id: m.id, guild: m.guildID, channel: m.channel.name, author: m.author.username, text: m.content }));
client.on('shardResume', shard => tell('resumed', { shard }));
client.on('error', (error, shard) => {
  // It calls every lost connection an error, and every close with a code of the gateway.
  tell(/^Connection reset by peer$|ECONNRESET|: come again$/.test(error.message) ? 'reconnecting' : 'trouble', { shard, text: String(error) });
});

process.stdin.on('end', () => {
  client.disconnect({ reconnect: false });
  process.exit();
}).resume();

client.connect();
