// Package examples has seven programs, each of which shows one way to use eventnode, from
// beginning to end, and needs nothing that is not here, but for the last one:
//
//	go run ./registration   users and their events in one transaction: outbox, relay, bus
//	go run ./chatroom       people on different nodes: a bus over a live topic
//	go run ./workqueue      jobs that fail, and come again: consumer groups, dead letters
//	go run ./presence       who is online: process groups and monitors
//	go run ./httpservice    a node in an HTTP service: streams, subscriptions, shutdown
//	go run ./chatgateway    a chat room for browsers: sessions, gateway, directory
//	go run ./bot            a bot whose shards run on nodes: a consumer group, discordgo for REST
//
// Folder harness is a module of its own, with a service whose tests start real nodes and
// break them.
//
// Each runs nodes of its own, in its process, with data in a temporary directory. With
// --connect HOST:PORT it is a client of a cluster that runs, such as that of
// `eventnode dev`; the bot always is, of one that runs its shards. Each prints what happens, and ends by itself or on ctrl-C.
package examples
