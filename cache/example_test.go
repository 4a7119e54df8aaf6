package cache_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/source"
)

// A channel is renamed: consumers are told what it was called before.
func Example() {
	ctx := context.Background()
	store, err := cache.NewMemory(cache.MemoryConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := cache.New(cache.Config{Store: store})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range []source.Payload{
		{Name: "GUILD_CREATE", Data: json.RawMessage(`{"id":"1","channels":[{"id":"2","type":0,"name":"random"}]}`)},
		{Name: "CHANNEL_UPDATE", Data: json.RawMessage(`{"id":"2","guild_id":"1","type":0,"name":"serious"}`)},
	} {
		change, err := c.Write(ctx, p)
		if err != nil {
			fmt.Println(err)
			return
		}
		events, err := change.Derive(p)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, e := range events {
			fmt.Println(e.Name, string(e.Data))
		}
	}
	channel, err := c.Channel(ctx, 2)
	fmt.Println(channel.Name, err)
	// Output:
	// GUILD_CREATE {"id":"1","channels":[{"id":"2","type":0,"name":"random"}]}
	// CHANNEL_UPDATE {"old":{"id":"2","type":0,"name":"random","guild_id":"1"},"new":{"id":"2","guild_id":"1","type":0,"name":"serious"}}
	// serious <nil>
}
