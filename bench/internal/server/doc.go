// Package server starts servers on loopback, a process each, with the settings that
// they come with: clusters of three nodes of the project's own binary and of NATS,
// with storage or without, and one Redis.
package server
