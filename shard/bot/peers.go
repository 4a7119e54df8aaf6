package bot

import (
	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
)

// peers are the nodes that have the bot, to its cache.
type peers struct {
	b     *Bot
	whole bool
}

var _ cache.Peers = peers{}

// Owner implements cache.Peers.
func (p peers) Owner(guild discord.Snowflake) (node string, known bool) {
	at, known := p.b.fleet.Where(func(total int) int { return int(uint64(guild) >> 22 % uint64(total)) })
	if at == p.b.cfg.Fleet.Node.ID {
		return "", known
	}
	return string(at), known
}

// Others implements cache.Peers.
func (p peers) Others() (nodes []string) {
	for _, n := range p.b.fleet.Runners() {
		nodes = append(nodes, string(n))
	}
	return nodes
}

// Reader implements cache.Peers.
func (p peers) Reader(node string) cache.Reader {
	return remote{p.b, eventnode.NodeID(node), p.whole}
}
