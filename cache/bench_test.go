package cache_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/internal/jsonscan"
	"github.com/eventnode/eventnode/source"
)

// The frames of the benchmarks, as the gateway of the protocol writes them.
const (
	benchUser    = `{"username":"somebody.%[1]d","public_flags":64,"primary_guild":null,"id":"%[1]d","global_name":"Some Body","display_name_styles":null,"discriminator":"0","collectibles":null,"clan":null,"bot":false,"avatar_decoration_data":null,"avatar":"8342729096ea3675442027381ff50dfe"}`
	benchMessage = `{"type":0,"tts":false,"timestamp":"2024-05-01T12:34:56.789000+00:00","pinned":false,"nonce":"1234567890123456789","mentions":[],"mention_roles":[],"mention_everyone":false,` +
		`"member":{"roles":["1001","1002"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2020-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null},` +
		`"id":"%[2]d","flags":0,"embeds":[],"edited_timestamp":null,"content":"hello there, this is what people write to each other all day long, more or less","components":[],"channel_type":0,"channel_id":"30","author":` + benchUser + `,"attachments":[],"guild_id":"1"}`
	benchMember = `{"user":` + benchUser + `,"roles":["1001","1002"],"premium_since":null,"pending":false,"nick":"%[2]d","mute":false,"joined_at":"2020-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null,"guild_id":"1"}`
	benchStatus = `{"user":{"id":"%[1]d"},"status":"%[3]s","guild_id":"1","client_status":{"desktop":"%[3]s"},"activities":[{"type":0,"timestamps":{"start":1714560000000},"state":"In a match","name":"Some Game","id":"ec0b28a579ecb4bd","details":"Ranked","created_at":1714560001234,"assets":{"small_text":"x","small_image":"1","large_text":"y","large_image":"2"},"application_id":"356875570916753438"}]}`
	benchChan   = `{"version":1714560000000,"type":0,"topic":"about things","rate_limit_per_user":0,"position":3,"permission_overwrites":[{"type":0,"id":"1","deny":"1024","allow":"0"},{"type":1,"id":"9","deny":"0","allow":"1024"}],"parent_id":"29","nsfw":false,"name":"general-%[2]d","last_message_id":"1234","id":"30","guild_id":"1","flags":0}`
)

// benchGuild is a guild with channels, roles and 200 members.
func benchGuild() string {
	var b strings.Builder
	b.WriteString(`{"id":"1","name":"bench","owner_id":"100","member_count":200,"roles":[{"id":"1","name":"@everyone","permissions":"104324673","position":0,"color":0,"hoist":false,"managed":false,"mentionable":false},{"id":"1001","name":"a","permissions":"0","position":1,"color":0,"hoist":false,"managed":false,"mentionable":false}],"emojis":[],"stickers":[],"threads":[],"presences":[],"voice_states":[],"features":[],"channels":[`)
	for i := range 50 {
		fmt.Fprintf(&b, `{"id":"%d","type":0,"name":"c%d","position":%d,"permission_overwrites":[],"topic":null,"nsfw":false,"last_message_id":null,"parent_id":null,"rate_limit_per_user":0},`, 30+i, i, i)
	}
	b.WriteString(`{"id":"29","type":4,"name":"x","position":0,"permission_overwrites":[]}],"members":[`)
	for i := range 200 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, benchMember, 100+i, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

// benchFrames are some frames of one event, which differ.
func benchFrames(name string) (frames [][]byte) {
	for i := range 64 {
		status := [...]string{"online", "idle", "dnd"}[i%3]
		form := map[string]string{
			"MESSAGE_CREATE": benchMessage, "MESSAGE_UPDATE": benchMessage, "GUILD_MEMBER_UPDATE": benchMember, "PRESENCE_UPDATE": benchStatus, "CHANNEL_UPDATE": benchChan,
			"TYPING_START": `{"user_id":"%[1]d","timestamp":1714560000,"guild_id":"1","channel_id":"30","member":` + benchMember + `}`,
		}[name]
		data := benchGuild()
		if form != "" {
			data = fmt.Sprintf(form, 100+i%16, 5000+i, status)
			if extra := strings.Index(data, "%!(EXTRA"); extra >= 0 {
				data = data[:extra]
			}
		}
		frames = append(frames, fmt.Appendf(nil, `{"t":"%s","s":%d,"op":0,"d":%s}`, name, i, data))
	}
	return frames
}

var benchNames = []string{"MESSAGE_CREATE", "MESSAGE_UPDATE", "PRESENCE_UPDATE", "GUILD_MEMBER_UPDATE", "CHANNEL_UPDATE", "TYPING_START", "GUILD_CREATE"}

// opened takes a frame apart.
func opened(frame []byte) (p source.Payload, err error) {
	m := jsonscan.Object(frame)
	for m.Next() {
		switch string(m.Key) {
		case "t":
			p.Name = string(m.Value[1 : len(m.Value)-1])
		case "d":
			p.Data = m.Value
		}
	}
	if m.Err() != nil {
		return p, m.Err()
	}
	p.Data, err = discord.Normalise(p.Data)
	return p, err
}

// cpu reports what processor time an operation takes, which others on the machine change
// less than the time on the clock.
func cpu(b *testing.B) (done func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	began := used()
	return func() { b.ReportMetric(float64(used()-began)/float64(b.N), "cpu-ns/op") }
}

// From a frame to events: taken apart, normalised, written, derived.
func BenchmarkWrite(b *testing.B) {
	for _, name := range benchNames {
		b.Run(name, func(b *testing.B) {
			c := newCache(b, cache.Config{Store: memory(b, cache.MemoryConfig{})})
			if _, err := take(b.Context(), c, "GUILD_CREATE", benchGuild()); err != nil {
				b.Fatal(err)
			}
			frames := benchFrames(name)
			b.SetBytes(int64(len(frames[0])))
			b.ReportAllocs()
			defer cpu(b)()
			for n := 0; b.Loop(); n++ {
				p, err := opened(frames[n%len(frames)])
				if err != nil {
					b.Fatal(err)
				}
				made, err := c.Write(b.Context(), p)
				if err != nil {
					b.Fatal(err)
				}
				if made == nil {
					continue
				}
				if _, err := made.Derive(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// discordStruct is what discordgo decodes an event into.
func discordStruct(name string) any {
	switch name {
	case "MESSAGE_CREATE":
		return &discordgo.MessageCreate{}
	case "MESSAGE_UPDATE":
		return &discordgo.MessageUpdate{}
	case "PRESENCE_UPDATE":
		return &discordgo.PresenceUpdate{}
	case "GUILD_MEMBER_UPDATE":
		return &discordgo.GuildMemberUpdate{}
	case "CHANNEL_UPDATE":
		return &discordgo.ChannelUpdate{}
	case "TYPING_START":
		return &discordgo.TypingStart{}
	}
	return &discordgo.GuildCreate{}
}

// The same frames through discordgo, as its session does: decoded twice, and into its state.
func BenchmarkDiscordgo(b *testing.B) {
	for _, name := range benchNames {
		b.Run(name, func(b *testing.B) {
			s := &discordgo.Session{StateEnabled: true, State: discordgo.NewState()}
			s.State.MaxMessageCount = 100
			g := &discordgo.GuildCreate{}
			if err := json.Unmarshal([]byte(benchGuild()), g); err != nil {
				b.Fatal(err)
			}
			if err := s.State.OnInterface(s, g); err != nil {
				b.Fatal(err)
			}
			frames := benchFrames(name)
			b.SetBytes(int64(len(frames[0])))
			b.ReportAllocs()
			defer cpu(b)()
			for n := 0; b.Loop(); n++ {
				var e *discordgo.Event
				if err := json.NewDecoder(bytes.NewBuffer(frames[n%len(frames)])).Decode(&e); err != nil {
					b.Fatal(err)
				}
				e.Struct = discordStruct(e.Type)
				if err := json.Unmarshal(e.RawData, e.Struct); err != nil {
					b.Fatal(err)
				}
				if err := s.State.OnInterface(s, e.Struct); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
