package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

// eve is somebody of whom only the source tells.
const eve = 2002

// A node that runs shards feeds the directory of its chat service: somebody who is a member
// by what another source says gets READY with the guild at our gateway, its events, and those
// of the channels that roles and overwrites let her see; as that changes, and no more when
// she has left. The other nodes have the same directory.
func TestDirectoryIsFed(t *testing.T) {
	w := newWorldOf(t, worldConfig{intents: allIntents, handlers: func(int) *source.Handlers { return nil }, chat: func() node.Chat {
		return node.Chat{GatewayAddress: "127.0.0.1:0", Gateway: gateway.Config{
			Authenticator: tokens(t, fmt.Sprintf("eve %d\n", eve)), Limits: gateway.Limits{IdentifyInterval: -1},
		}}
	}})
	d := &fed{world: w, t: t}
	d.where(0)
	d.where(1)
	d.directory("the guilds are there", func(all string) bool {
		return strings.Count(all, `putGuild`) == guilds && strings.Count(all, "general") == guilds
	})
	d.source("GUILD_ROLE_CREATE", `{"role":{"id":"7000","name":"staff","position":1,"permissions":"0"}}`)
	d.source("GUILD_MEMBER_ADD", `{"user":{"id":"2002","username":"eve"},"roles":[],"joined_at":"2020-01-02T03:04:05Z"}`)
	d.source("CHANNEL_CREATE", `{"id":"7001","type":0,"name":"secret","permission_overwrites":[{"id":"%d","type":0,"allow":"0","deny":"1024"}]}`)
	d.directory("the secret channel", func(all string) bool { return strings.Count(all, "secret") == 1 && strings.Contains(all, `"eve"`) })
	c := d.identify()
	if !d.reaches("guild:%d", true) || !d.reaches("channel:7001", false) {
		t.Error("she gets what is not hers, or not the guild")
	}
	d.source("CHANNEL_UPDATE", `{"id":"7001","type":0,"name":"secret","permission_overwrites":[{"id":"%d","type":0,"allow":"0","deny":"1024"},{"id":"7000","type":0,"allow":"1024","deny":"0"}]}`)
	d.source("GUILD_MEMBER_UPDATE", `{"user":{"id":"2002"},"roles":["7000"]}`)
	d.eventually("a role lets her read", func() bool { return d.reaches("channel:7001", true) })
	for {
		p, err := c.Next(d.waiting())
		if err != nil {
			t.Fatal(err)
		}
		if p.Type == "MESSAGE_CREATE" && strings.Contains(string(p.Data), "channel:7001") {
			break
		}
	}
	d.source("GUILD_ROLE_DELETE", `{"role_id":"7000"}`)
	d.eventually("without the role she may not", func() bool { return d.reaches("channel:7001", false) })
	d.source("CHANNEL_DELETE", `{"id":"7001","type":0}`)
	d.source("GUILD_UPDATE", fmt.Sprintf(`{"id":"%d","name":"renamed","owner_id":"%d"}`, guildID(0), owner))
	d.directory("what is gone is gone, and what is renamed has its name", func(all string) bool {
		return !strings.Contains(all, "7001") && !strings.Contains(all, "7000") && strings.Contains(all, "renamed")
	})
	d.source("GUILD_MEMBER_REMOVE", `{"user":{"id":"2002"}}`)
	d.eventually("who has left gets nothing", func() bool { return d.reaches("guild:%d", false) })
	d.source("GUILD_DELETE", fmt.Sprintf(`{"id":"%d"}`, guildID(0)))
	d.directory("a guild that was left is gone", func(all string) bool { return strings.Count(all, "putGuild") == guilds-1 })
}

// Directory without a chat service is an error that says what is missing.
func TestDirectoryNeedsChat(t *testing.T) {
	cfg := node.Config{ID: "n1", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", DataDir: t.TempDir(), Storage: node.Storage{BootstrapExpect: 1}}
	cfg.Sources = []node.Source{{Directory: true, Shards: fleet.All(1), Shard: shard.Config{Name: "helper", Token: "secret", Gateway: "ws://127.0.0.1:1"}}}
	n, err := node.New(cfg)
	if err == nil {
		err = n.Run(t.Context())
	}
	if !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), "Chat.Enabled") {
		t.Error(err)
	}
}

// fed is a world whose nodes have a chat service.
type fed struct {
	*world
	t *testing.T
}

func (d *fed) waiting() context.Context {
	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	d.t.Cleanup(cancel)
	return ctx
}

// source has the other gateway say something of the first guild, whose number stands for %d.
func (d *fed) source(eventType, data string) {
	d.t.Helper()
	if strings.Contains(data, "%d") {
		data = fmt.Sprintf(data, guildID(0))
	}
	var o map[string]any
	if err := json.Unmarshal([]byte(data), &o); err != nil {
		d.t.Fatal(err)
	}
	d.from.say(0, eventType, o)
}

// directory waits until all nodes' directories are so.
func (d *fed) directory(what string, so func(all string) bool) {
	d.t.Helper()
	for i := range d.nodes {
		d.eventually(fmt.Sprint("node ", i, ": ", what), func() bool {
			api, err := d.nodes[i].node.Chat(d.t.Context())
			if err != nil {
				return false
			}
			var all []*eventnodev1.DirectoryChange
			for c, err := range api.Export(d.t.Context()) {
				if err != nil {
					return false
				}
				all = append(all, c)
			}
			text, _ := protojson.Marshal(&eventnodev1.ChatServiceExportResponse{Changes: all})
			return so(string(text))
		})
	}
}

func (d *fed) eventually(what string, so func() bool) {
	d.t.Helper()
	eventually(d.t, what, func() error {
		if !so() {
			return errors.New("not so")
		}
		return nil
	})
}

// identify is her session, on the last node.
func (d *fed) identify() *gatewaytest.Client {
	d.t.Helper()
	c, err := gatewaytest.Dial(d.waiting(), d.nodes[2].node.GatewayAddress())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(c.Cut)
	ready, err := c.Identify(d.waiting(), "eve", map[string]any{"intents": allIntents})
	if err != nil || !strings.Contains(string(ready), fmt.Sprint(guildID(0))) || strings.Contains(string(ready), fmt.Sprint(guildID(1))) {
		d.t.Fatalf("%v: %s", err, ready)
	}
	return c
}

// reaches reports whether an event that is dispatched on our first node reaches her, or not.
func (d *fed) reaches(topic string, want bool) bool {
	d.t.Helper()
	if strings.Contains(topic, "%d") {
		topic = fmt.Sprintf(topic, guildID(0))
	}
	api, err := d.nodes[0].node.Chat(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	got, err := api.Dispatch(d.waiting(), topic, "MESSAGE_CREATE", map[string]any{"content": topic, "guild_id": fmt.Sprint(guildID(0))})
	return err == nil && len(got.Missing) == 0 && (got.Count > 0) == want
}
