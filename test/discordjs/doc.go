// Package discordjs shows that client libraries for Node.js work, as they are, with the
// gateway: discord.js, and Eris, which compresses the whole stream. Their programs print
// what the library tells them; the tests compare that with what was dispatched.
//
//   - client.js is discord.js.
//   - eris.js is Eris.
//
// The nodes are three processes, each with a gateway, behind one address which clients are
// told, as behind a load balancer: it leads to a node that lives, and can be cut.
//
// By hand, beside a gateway at 127.0.0.1:7500:
//
//	npm ci
//	node client.js http://127.0.0.1:7500/api TOKEN
//
// The tests install what package-lock.json says. They are skipped, and say why, where
// there is no node or npm, or where the packages cannot be fetched.
package discordjs
