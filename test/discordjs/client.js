// Prints what discord.js tells, a JSON object a line: of each event of the gateway its type,
// number and shard, and what the library makes of it. It does what the lines of its input
// say, and ends with it.
//
//   node client.js API TOKEN

'use strict';

const readline = require('node:readline');
const { ActivityType, Client, Events, GatewayIntentBits } = require('discord.js');

const [api, token] = process.argv.slice(2);
const tell = (what, fields) => console.log(JSON.stringify({ what, ...fields }));

const client = new Client({
  rest: { api, version: '10' },
  shards: 'auto',
  intents: [
    GatewayIntentBits.Guilds, GatewayIntentBits.GuildMembers, GatewayIntentBits.GuildPresences,
    GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent,
  ],
});

client.on(Events.Raw, ({ t, s, d }, shard) => tell('raw', { type: t, seq: s, shard, id: d?.id, guild: d?.guild_id ?? d?.id, session: d?.session_id, resume: d?.resume_gateway_url }));
client.on(Events.ClientReady, () => tell('ready', { guilds: [...client.guilds.cache.keys()], shards: client.ws.shards.size }));
client.on(Events.MessageCreate, m => tell('message', { id: m.id, guild: m.guildId, channel: m.channel.name, author: m.author.username, text: m.content }));
client.on(Events.PresenceUpdate, (_, p) => tell('presence', { id: p.userId, status: p.status }));
client.on(Events.ShardReconnecting, shard => tell('reconnecting', { shard }));
client.on(Events.ShardResume, (shard, replayed) => tell('resumed', { shard, replayed }));
client.on(Events.ShardReady, shard => tell('shard ready', { shard }));
client.on(Events.ShardDisconnect, ({ code }, shard) => tell('disconnected', { shard, code }));
client.on(Events.ShardError, (error, shard) => tell('trouble', { shard, text: String(error) }));
client.on(Events.Warn, text => tell('trouble', { text }));
client.on(Events.Error, error => tell('trouble', { text: String(error) }));
if (process.env.DEBUG) client.on(Events.Debug, text => console.error(text));

// What the input may ask for.
const asked = {
  async members({ guild }) {
    const all = await client.guilds.cache.get(guild).members.fetch();
    tell('members', { guild, names: all.map(m => m.displayName).sort() });
  },
  async play({ name }) {
    client.user.setPresence({ status: 'idle', activities: [{ name, type: ActivityType.Playing }] });
  },
};

const input = readline.createInterface({ input: process.stdin });
input.on('line', async line => {
  const what = JSON.parse(line);
  await asked[what.do](what).catch(error => tell('trouble', { text: String(error) }));
});
input.on('close', async () => {
  await client.destroy();
  process.exit();
});

client.login(token).catch(error => {
  tell('trouble', { text: String(error) });
  process.exitCode = 1;
});
