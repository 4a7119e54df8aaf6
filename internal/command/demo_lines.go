package command

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// demoChannels are the names of the channels of dev_demo.yaml.
var demoChannels = map[uint64]string{33554433: "quay", 37748737: "stalls"}

// demoEventJSON is a line of dev --demo --json about an event.
type demoEventJSON struct {
	Name  string          `json:"name"`
	Shard int             `json:"shard"`
	Seq   uint64          `json:"seq,omitempty"`
	Seen  string          `json:"seen"`
	Text  string          `json:"text"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// demoLineBytes bounds what is printed of an event that has no words of its own.
const demoLineBytes = 100

// demoEvent is an event as people read it.
func demoEvent(r source.Received) demoEventJSON {
	e := r.Event
	return demoEventJSON{e.Name, e.Origin.Shard, e.Origin.Seq, r.Seen.String(), demoText(e), e.Data}
}

// String is its line.
func (e demoEventJSON) String() string {
	line := fmt.Sprintf("shard %d  %-20s %s", e.Shard, e.Name, e.Text)
	if e.Seen == source.Repeat.String() {
		line += "  (said before)"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?' // it stays a line
		}
		return r
	}, line)
}

// demoText says what an event has changed from what to what.
func demoText(e source.Event) string {
	if e.Name == shard.GapName {
		return "events may be missing here: the gateway could not say them again"
	}
	parsed, err := discord.Parse(e.Name, e.Data)
	if err != nil {
		return err.Error()
	}
	if text, ok := changeText(parsed); ok {
		return text
	}
	switch x := parsed.(type) {
	case *discord.Ready:
		return "a session begins"
	case *discord.GuildUnavailable:
		return fmt.Sprintf("guild %v is not there yet", x.ID)
	case *discord.GuildMembersChunk:
		return fmt.Sprintf("%s of guild %v", plural(len(x.Members), "member"), x.GuildID)
	case *discord.GuildCreate:
		return strconv.Quote(x.Name)
	case *discord.GuildAvailable:
		return strconv.Quote(x.Name)
	case *discord.MessageCreate:
		return messageText(&x.Message)
	case *discord.MessageDelete:
		if x.DeletedMessage == nil {
			return demoPlace(x.ChannelID) + "a message that was not known"
		}
		return messageText(x.DeletedMessage) + " -> gone"
	}
	return strings.ToValidUTF8(string(e.Data[:min(len(e.Data), demoLineBytes)]), "?")
}

// changeText says what was and what is, of events that have both.
func changeText(parsed discord.Event) (text string, ok bool) {
	switch x := parsed.(type) {
	case *discord.MessageUpdate:
		if x.New != nil {
			return demoPlace(x.New.ChannelID) + authorOf(x.New) + arrow(x.Old, x.New, func(m *discord.Message) string { return m.Content }), true
		}
	case *discord.GuildUpdate:
		if x.New != nil {
			return "name " + arrow(x.Old, x.New, func(g *discord.Guild) string { return g.Name }), true
		}
	case *discord.ChannelUpdate:
		if x.New != nil {
			return demoPlace(x.New.ID) + "topic " + arrow(x.Old, x.New, func(c *discord.Channel) string { return c.Topic }), true
		}
	case *discord.GuildMemberUpdate:
		if x.New != nil && x.New.User != nil {
			return x.New.User.Username + " is called " + arrow(x.Old, x.New, func(m *discord.Member) string { return m.Nick }), true
		}
	}
	return "", false
}

// arrow is what was and what is.
func arrow[T any](old, now *T, word func(*T) string) string {
	was := "(not known)"
	if old != nil {
		was = strconv.Quote(word(old))
	}
	return was + " -> " + strconv.Quote(word(now))
}

func messageText(m *discord.Message) string {
	return demoPlace(m.ChannelID) + authorOf(m) + strconv.Quote(m.Content)
}

func authorOf(m *discord.Message) string {
	if m.Author == nil {
		return ""
	}
	return m.Author.Username + ": "
}

// demoPlace is a channel's name, or its id.
func demoPlace(channel discord.Snowflake) string {
	if name := demoChannels[uint64(channel)]; name != "" {
		return "#" + name + " "
	}
	return fmt.Sprint("#", channel, " ")
}

// demoGapJSON is a line of dev --demo --json about a gap.
type demoGapJSON struct {
	Gap *gapJSON `json:"gap"`
}

// demoShardsJSON is a line of dev --demo --json about where the shards are.
type demoShardsJSON struct {
	Shards []shardJSON `json:"shards"`
}

// demoWhere says where shards are: "shard 0 is on n2 (connected), ...".
func demoWhere(shards []eventnode.ShardStatus) string {
	var list []string
	for _, s := range shards {
		at := "shard " + strconv.Itoa(s.Shard) + " is on " + string(s.Node) + " (" + s.State + ")"
		if s.Node == "" {
			at = "shard " + strconv.Itoa(s.Shard) + " is on no node (" + s.State + ")"
		}
		list = append(list, at)
	}
	return "--- " + strings.Join(list, ", ")
}
