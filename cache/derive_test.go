package cache_test

import (
	"strings"
	"testing"

	"github.com/eventnode/eventnode/cache"
)

// step is a payload, and the events that it becomes.
type step struct {
	name, data string
	want       []string
}

// quiet is a payload whose events are not looked at.
func quiet(name, data string) step { return step{name: name, data: data} }

const guild1 = `{"id":"1","name":"g","member_count":2,"joined_at":"2020-01-01T00:00:00Z","unknown":{"a":1},` +
	`"roles":[{"id":"10","name":"r"}],"emojis":[{"id":"20","name":"e"}],"stickers":[],"voice_states":[],` +
	`"channels":[{"id":"30","type":0,"name":"c"}],"threads":[{"id":"31","type":11,"parent_id":"30","guild_id":"1"}],` +
	`"members":[{"user":{"id":"40","username":"u","avatar":"a"},"nick":"n","roles":["10"]}],` +
	`"presences":[{"user":{"id":"40"},"status":"online","activities":[{"name":"x","type":0}]}]}`

// Each payload becomes exactly the events of the table, with what was before.
func TestDerive(t *testing.T) {
	create := quiet("GUILD_CREATE", guild1)
	for name, steps := range map[string][]step{
		"ready names its guilds": {
			{"READY", `{"v":10,"user":{"id":"9","username":"me"},"guilds":[{"id":"1","unavailable":true},{"id":"2","unavailable":true}]}`, []string{
				"READY", `{"v":10,"user":{"id":"9","username":"me"},"guilds":[{"id":"1","unavailable":true},{"id":"2","unavailable":true}]}`,
				"GUILD_UNAVAILABLE", `{"id":"1","unavailable":true}`,
				"GUILD_UNAVAILABLE", `{"id":"2","unavailable":true}`,
			}},
			{"GUILD_CREATE", `{"id":"1","name":"a"}`, []string{"GUILD_AVAILABLE", `{"id":"1","name":"a"}`}},
			{"GUILD_CREATE", `{"id":"1","name":"a"}`, []string{"GUILD_CREATE", `{"id":"1","name":"a"}`}},
			{"GUILD_CREATE", `{"id":"2","unavailable":true}`, []string{"GUILD_UNAVAILABLE", `{"id":"2","unavailable":true}`}},
		},
		"ready with guilds that are there": {
			{"READY", `{"guilds":[{"id":"1","name":"a"}]}`, []string{"READY", `{"guilds":[{"id":"1","name":"a"}]}`, "GUILD_CREATE", `{"id":"1","name":"a"}`}},
		},
		"presences that were missed": {
			create,
			{"PRESENCES_REPLACE", `[{"guild_id":"1","user":{"id":"40"},"status":"dnd"},{"user":{}},{"guild_id":"1","user":{"id":"41"},"status":"idle"}]`, []string{
				"PRESENCES_REPLACE", `[{"guild_id":"1","user":{"id":"40"},"status":"dnd"},{"user":{}},{"guild_id":"1","user":{"id":"41"},"status":"idle"}]`,
				"PRESENCE_UPDATE", `{"guild_id":"1","old":{"user":{"id":"40"},"status":"online","activities":[{"name":"x","type":0}]},"new":{"guild_id":"1","user":{"id":"40"},"status":"dnd"}}`,
				"PRESENCE_UPDATE", `{"guild_id":"1","old":null,"new":{"guild_id":"1","user":{"id":"41"},"status":"idle"}}`,
			}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"40"},"status":"dnd"}`, []string{}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"40"},"status":"online","activities":[{"name":"x","type":0}]}`, []string{
				"PRESENCE_UPDATE", `{"guild_id":"1","old":{"guild_id":"1","user":{"id":"40"},"status":"dnd"},"new":{"guild_id":"1","user":{"id":"40"},"status":"online","activities":[{"name":"x","type":0}]}}`,
			}},
			{"PRESENCES_REPLACE", `[]`, []string{"PRESENCES_REPLACE", `[]`}},
		},
		"an unknown guild": {{"GUILD_CREATE", `{"id":"1"}`, []string{"GUILD_CREATE", `{"id":"1"}`}}},
		"guild update": {
			{"GUILD_UPDATE", `{"id":"1","name":"h"}`, []string{"GUILD_UPDATE", `{"old":null,"new":{"id":"1","name":"h","roles":[]}}`}},
			create,
			{"GUILD_UPDATE", `{"id":"1","name":"h","roles":[{"id":"10","name":"s"},{"id":"11"}],"emojis":null}`, []string{"GUILD_UPDATE", `{
				"old":{"id":"1","name":"g","joined_at":"2020-01-01T00:00:00Z","unknown":{"a":1},"member_count":2,"roles":[{"id":"10","name":"r"}],"emojis":[{"id":"20","name":"e"}],"stickers":[]},
				"new":{"id":"1","name":"h","joined_at":"2020-01-01T00:00:00Z","unknown":{"a":1},"member_count":2,"roles":[{"id":"10","name":"s"},{"id":"11"}],"emojis":[{"id":"20","name":"e"}],"stickers":[]}}`}},
		},
		"guild delete": {
			{"GUILD_DELETE", `{"id":"1"}`, []string{"GUILD_DELETE", `{"id":"1","old":null}`}},
			create,
			{"GUILD_DELETE", `{"id":"1","unavailable":true}`, []string{"GUILD_DELETE", `{"id":"1","unavailable":true,
				"old":{"id":"1","name":"g","joined_at":"2020-01-01T00:00:00Z","unknown":{"a":1},"member_count":2,"roles":[{"id":"10","name":"r"}],"emojis":[{"id":"20","name":"e"}],"stickers":[],
				"channels":[{"id":"30","type":0,"name":"c","guild_id":"1"}],"threads":[{"id":"31","type":11,"parent_id":"30","guild_id":"1"}]}}`}},
			{"CHANNEL_DELETE", `{"id":"30","guild_id":"1"}`, []string{}},
			{"GUILD_CREATE", `{"id":"1"}`, []string{"GUILD_AVAILABLE", `{"id":"1"}`}},
		},
		"channels": {
			{"CHANNEL_CREATE", `{"id":"5","guild_id":"1","type":0}`, []string{"CHANNEL_CREATE", `{"id":"5","guild_id":"1","type":0}`}},
			{"CHANNEL_UPDATE", `{"id":"5","guild_id":"1","type":0,"name":"x"}`, []string{"CHANNEL_UPDATE", `{"old":{"id":"5","guild_id":"1","type":0},"new":{"id":"5","guild_id":"1","type":0,"name":"x"}}`}},
			{"CHANNEL_UPDATE", `{"id":"6","guild_id":"1"}`, []string{"CHANNEL_UPDATE", `{"old":null,"new":{"id":"6","guild_id":"1"}}`}},
			{"CHANNEL_DELETE", `{"id":"5","guild_id":"1","type":0}`, []string{"CHANNEL_DELETE", `{"old":{"id":"5","guild_id":"1","type":0,"name":"x"}}`}},
			{"CHANNEL_DELETE", `{"id":"5","guild_id":"1","type":0}`, []string{}},
		},
		"private channels": {
			{"CHANNEL_CREATE", `{"id":"5","type":1}`, []string{"CHANNEL_CREATE", `{"id":"5","type":1}`}},
			{"CHANNEL_DELETE", `{"id":"5","type":1}`, []string{"CHANNEL_DELETE", `{"old":{"id":"5","type":1}}`}},
		},
		"a channel that says no guild is where it was": {
			create,
			{"CHANNEL_DELETE", `{"id":"30"}`, []string{"CHANNEL_DELETE", `{"old":{"id":"30","type":0,"name":"c","guild_id":"1"}}`}},
		},
		"threads": {
			create,
			{"THREAD_UPDATE", `{"id":"31","guild_id":"1","type":11,"name":"t"}`, []string{"THREAD_UPDATE", `{"old":{"id":"31","type":11,"parent_id":"30","guild_id":"1"},"new":{"id":"31","guild_id":"1","type":11,"name":"t"}}`}},
			quiet("THREAD_CREATE", `{"id":"32","guild_id":"1","type":11}`),
			{"THREAD_DELETE", `{"id":"32","guild_id":"1","parent_id":"30","type":11}`, []string{"THREAD_DELETE", `{"old":{"id":"32","guild_id":"1","type":11}}`}},
			{"THREAD_DELETE", `{"id":"32","guild_id":"1","parent_id":"30","type":11}`, []string{}},
			{"THREAD_LIST_SYNC", `{"guild_id":"1","threads":[{"id":"33","type":11}],"members":[]}`, []string{"THREAD_LIST_SYNC", `{"guild_id":"1","threads":[{"id":"33","type":11}],"members":[]}`}},
			{"THREAD_DELETE", `{"id":"33","guild_id":"1"}`, []string{"THREAD_DELETE", `{"old":{"id":"33","type":11,"guild_id":"1"}}`}},
		},
		"members": {
			{"GUILD_MEMBER_UPDATE", `{"guild_id":"1","user":{"id":"7","username":"s"},"nick":"x"}`, []string{"GUILD_MEMBER_UPDATE", `{"guild_id":"1","old":null,"new":{"nick":"x","user":{"id":"7","username":"s"}}}`}},
			{"GUILD_MEMBER_ADD", `{"guild_id":"1","user":{"id":"8","username":"v"},"roles":[]}`, []string{"GUILD_MEMBER_ADD", `{"guild_id":"1","user":{"id":"8","username":"v"},"roles":[]}`}},
			create,
			{"GUILD_MEMBER_UPDATE", `{"guild_id":"1","user":{"id":"40","username":"w"},"nick":null}`, []string{"GUILD_MEMBER_UPDATE", `{"guild_id":"1",
				"old":{"nick":"n","roles":["10"],"user":{"id":"40","username":"u","avatar":"a"}},
				"new":{"nick":null,"roles":["10"],"user":{"id":"40","username":"w","avatar":"a"}}}`}},
			{"GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"40"}}`, []string{"GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"40"},"old":{"nick":null,"roles":["10"],"user":{"id":"40","username":"w","avatar":"a"}}}`}},
			{"GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"40"}}`, []string{"GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"40"},"old":null}`}},
		},
		"roles": {
			{"GUILD_ROLE_DELETE", `{"guild_id":"1","role_id":"10"}`, []string{}},
			{"GUILD_ROLE_CREATE", `{"guild_id":"1","role":{"id":"10","name":"a"}}`, []string{"GUILD_ROLE_CREATE", `{"guild_id":"1","role":{"id":"10","name":"a"}}`}},
			{"GUILD_ROLE_UPDATE", `{"guild_id":"1","role":{"id":"10","name":"b"}}`, []string{"GUILD_ROLE_UPDATE", `{"guild_id":"1","old":{"id":"10","name":"a"},"new":{"id":"10","name":"b"}}`}},
			{"GUILD_ROLE_UPDATE", `{"guild_id":"1","role":{"id":"11"}}`, []string{"GUILD_ROLE_UPDATE", `{"guild_id":"1","old":null,"new":{"id":"11"}}`}},
			{"GUILD_ROLE_DELETE", `{"guild_id":"1","role_id":"10"}`, []string{"GUILD_ROLE_DELETE", `{"guild_id":"1","role_id":"10","old":{"id":"10","name":"b"}}`}},
			{"GUILD_ROLE_DELETE", `{"guild_id":"1","role_id":"10"}`, []string{}},
		},
		"emojis and stickers": {
			{"GUILD_EMOJIS_UPDATE", `{"guild_id":"1","emojis":[{"id":"5"}]}`, []string{"GUILD_EMOJIS_UPDATE", `{"guild_id":"1","old":null,"new":[{"id":"5"}]}`}},
			{"GUILD_EMOJIS_UPDATE", `{"guild_id":"1","emojis":[]}`, []string{"GUILD_EMOJIS_UPDATE", `{"guild_id":"1","old":[{"id":"5"}],"new":[]}`}},
			create,
			{"GUILD_STICKERS_UPDATE", `{"guild_id":"1","stickers":[{"id":"6"}]}`, []string{"GUILD_STICKERS_UPDATE", `{"guild_id":"1","old":[],"new":[{"id":"6"}]}`}},
		},
		"a message that was not known": { // NO-T6, and where there is one
			{"MESSAGE_DELETE", `{"id":"1","channel_id":"2"}`, []string{"MESSAGE_DELETE", `{"id":"1","channel_id":"2","deleted_message":null}`}},
			{"MESSAGE_DELETE_BULK", `{"ids":["1","2"],"channel_id":"2"}`, []string{"MESSAGE_DELETE_BULK", `{"ids":["1","2"],"channel_id":"2","deleted_messages":[]}`}},
			{"MESSAGE_UPDATE", `{"id":"1","channel_id":"2","content":"b"}`, []string{"MESSAGE_UPDATE", `{"old":null,"new":{"id":"1","channel_id":"2","content":"b"}}`}},
			{"MESSAGE_DELETE", `{"id":"1","channel_id":"2"}`, []string{"MESSAGE_DELETE", `{"id":"1","channel_id":"2","deleted_message":null}`}},
			{"MESSAGE_UPDATE", `{"id":"1","channel_id":"2","author":{"id":"3"}}`, []string{"MESSAGE_UPDATE", `{"old":null,"new":{"id":"1","channel_id":"2","author":{"id":"3"}}}`}},
			{"MESSAGE_DELETE", `{"id":"1","channel_id":"2"}`, []string{"MESSAGE_DELETE", `{"id":"1","channel_id":"2","deleted_message":{"id":"1","channel_id":"2","author":{"id":"3"}}}`}},
		},
		"messages": {
			{"MESSAGE_CREATE", `{"id":"1","channel_id":"2","content":"a","author":{"id":"3"}}`, []string{"MESSAGE_CREATE", `{"id":"1","channel_id":"2","content":"a","author":{"id":"3"}}`}},
			{"MESSAGE_UPDATE", `{"id":"1","channel_id":"2","content":"b","pinned":true}`, []string{"MESSAGE_UPDATE", `{
				"old":{"id":"1","channel_id":"2","content":"a","author":{"id":"3"}},
				"new":{"id":"1","channel_id":"2","content":"b","author":{"id":"3"},"pinned":true}}`}},
			quiet("MESSAGE_CREATE", `{"id":"4","channel_id":"2"}`),
			{"MESSAGE_DELETE_BULK", `{"ids":["1","3","4"],"channel_id":"2"}`, []string{"MESSAGE_DELETE_BULK", `{"ids":["1","3","4"],"channel_id":"2",
				"deleted_messages":[{"id":"1","channel_id":"2","content":"b","author":{"id":"3"},"pinned":true},{"id":"4","channel_id":"2"}]}`}},
		},
		"a channel's messages go with it": {
			quiet("CHANNEL_CREATE", `{"id":"2","guild_id":"1"}`), quiet("MESSAGE_CREATE", `{"id":"1","channel_id":"2"}`), quiet("CHANNEL_DELETE", `{"id":"2","guild_id":"1"}`),
			{"MESSAGE_DELETE", `{"id":"1","channel_id":"2"}`, []string{"MESSAGE_DELETE", `{"id":"1","channel_id":"2","deleted_message":null}`}},
		},
		"presences": {
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"5"},"status":"online","activities":[]}`, []string{"PRESENCE_UPDATE", `{"guild_id":"1","old":null,"new":{"guild_id":"1","user":{"id":"5"},"status":"online","activities":[]}}`}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"5"},"status":"online","activities":[],"client_status":{"web":"online"}}`, []string{}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"5"},"status":"idle","activities":[]}`, []string{"PRESENCE_UPDATE", `{"guild_id":"1",
				"old":{"guild_id":"1","user":{"id":"5"},"status":"online","activities":[],"client_status":{"web":"online"}},
				"new":{"guild_id":"1","user":{"id":"5"},"status":"idle","activities":[]}}`}},
			create,
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"40"},"status":"online","activities":[{"type":0,"name":"x"}]}`, []string{}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"40"},"status":"online","activities":[{"type":0,"name":"y"}]}`, []string{"PRESENCE_UPDATE", `{"guild_id":"1",
				"old":{"guild_id":"1","user":{"id":"40"},"status":"online","activities":[{"type":0,"name":"x"}]},
				"new":{"guild_id":"1","user":{"id":"40"},"status":"online","activities":[{"type":0,"name":"y"}]}}`}},
		},
		"users of presences": {
			create,
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"40","username":"u"},"status":"online","activities":[{"name":"x","type":0}]}`, []string{}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"40","username":"w"},"status":"online","activities":[{"name":"x","type":0}]}`, []string{
				"USER_UPDATE", `{"old":{"id":"40","username":"u","avatar":"a"},"new":{"id":"40","username":"w","avatar":"a"}}`}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"40","avatar":null},"status":"idle","activities":[]}`, []string{
				"PRESENCE_UPDATE", `{"guild_id":"1",
					"old":{"guild_id":"1","user":{"id":"40","username":"w"},"status":"online","activities":[{"name":"x","type":0}]},
					"new":{"guild_id":"1","user":{"id":"40","avatar":null},"status":"idle","activities":[]}}`,
				"USER_UPDATE", `{"old":{"id":"40","username":"w","avatar":"a"},"new":{"id":"40","username":"w","avatar":null}}`}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"50","username":"z"},"status":"idle"}`, []string{
				"PRESENCE_UPDATE", `{"guild_id":"1","old":null,"new":{"guild_id":"1","user":{"id":"50","username":"z"},"status":"idle"}}`,
				"USER_UPDATE", `{"old":null,"new":{"id":"50","username":"z"}}`}},
		},
		"users": {
			{"USER_UPDATE", `{"id":"5","username":"a"}`, []string{"USER_UPDATE", `{"old":null,"new":{"id":"5","username":"a"}}`}},
			{"USER_UPDATE", `{"id":"5","username":"a"}`, []string{}},
			{"USER_UPDATE", `{"id":"5","avatar":"x"}`, []string{"USER_UPDATE", `{"old":{"id":"5","username":"a"},"new":{"id":"5","username":"a","avatar":"x"}}`}},
		},
		"what is not kept": {
			{"TYPING_START", `{"user_id":"1"}`, []string{"TYPING_START", `{"user_id":"1"}`}},
			{"INTERACTION_CREATE", `{"id":"1"}`, []string{"INTERACTION_CREATE", `{"id":"1"}`}},
			{"SOMETHING_NEW", `[1]`, []string{"SOMETHING_NEW", `[1]`}},
			{"RESUMED", `null`, []string{"RESUMED", `null`}},
		},
		"members in chunks": {
			{"GUILD_MEMBERS_CHUNK", `{"guild_id":"1","members":[{"user":{"id":"5","username":"a"},"nick":"x"}],"presences":[{"user":{"id":"5"},"status":"idle"}]}`,
				[]string{"GUILD_MEMBERS_CHUNK", `{"guild_id":"1","members":[{"user":{"id":"5","username":"a"},"nick":"x"}],"presences":[{"user":{"id":"5"},"status":"idle"}]}`}},
			{"GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"5"}}`, []string{"GUILD_MEMBER_REMOVE", `{"guild_id":"1","user":{"id":"5"},"old":{"nick":"x","user":{"id":"5","username":"a"}}}`}},
			{"PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"5"},"status":"idle"}`, []string{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{})})
			w := world{t, c, c}
			for _, s := range steps {
				if got := w.take(s.name, s.data); s.want != nil {
					w.want(got, s.want...)
				}
			}
		})
	}
}

// Without a cache old is unknown, and nothing is told of what only a cache could know.
func TestDeriveWithout(t *testing.T) {
	c := newCache(t, cache.Config{Store: cache.None{}})
	w := world{t, c, c}
	w.want(w.take("GUILD_CREATE", guild1), "GUILD_CREATE", guild1)
	w.want(w.take("CHANNEL_UPDATE", `{"id":"30","guild_id":"1"}`), "CHANNEL_UPDATE", `{"old":null,"new":{"id":"30","guild_id":"1"}}`)
	w.want(w.take("CHANNEL_DELETE", `{"id":"30","guild_id":"1"}`))
	w.want(w.take("GUILD_MEMBER_UPDATE", `{"guild_id":"1","user":{"id":"40"}}`), "GUILD_MEMBER_UPDATE", `{"guild_id":"1","old":null,"new":{"user":{"id":"40"}}}`)
	w.want(w.take("MESSAGE_DELETE_BULK", `{"ids":["1"],"channel_id":"2"}`), "MESSAGE_DELETE_BULK", `{"ids":["1"],"channel_id":"2","deleted_messages":[]}`)
	w.want(w.take("USER_UPDATE", `{"id":"5","username":"a"}`), "USER_UPDATE", `{"old":null,"new":{"id":"5","username":"a"}}`)
}

// What an event was made of does not change with what comes later, nor with the payload's
// own memory.
func TestEventsStay(t *testing.T) {
	c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{})})
	w := world{t, c, c}
	w.take("CHANNEL_CREATE", `{"id":"5","guild_id":"1","name":"a"}`)
	events := w.take("CHANNEL_UPDATE", `{"id":"5","guild_id":"1","name":"b"}`)
	before := string(events[0].Data)
	w.take("CHANNEL_UPDATE", `{"id":"5","guild_id":"1","name":"c"}`)
	w.take("CHANNEL_DELETE", `{"id":"5","guild_id":"1"}`)
	if string(events[0].Data) != before || !strings.Contains(before, `"a"`) {
		t.Errorf("%s became %s", before, events[0].Data)
	}
}
