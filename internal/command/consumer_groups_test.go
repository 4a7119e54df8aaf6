package command

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

var groupsNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// someGroups are one that is done, one that works and one that lags.
func someGroups() *fake {
	base := eventnode.ConsumerGroupInfo{
		Stream: "orders", Created: groupsNow.Add(-time.Hour), Now: groupsNow,
		Config: eventnode.ConsumerGroupConfig{AckWait: 30 * time.Second, MaxDeliver: 20, Backoff: time.Second, BackoffMax: 5 * time.Minute},
	}
	audit, billing, mails := base, base, base
	audit.Name, audit.LastDelivered, audit.LastDelivery = "audit", 100, groupsNow.Add(-2*time.Hour)
	billing.Name, billing.Lag, billing.Pending, billing.Waiting = "billing", 30, 20, 5
	billing.LastDelivered, billing.LastPosition, billing.LastDelivery = 70, eventnode.Position{MS: 1_700_000_000_000, Seq: 3}, groupsNow.Add(-2*time.Second)
	billing.LowestPending, billing.LowestPosition, billing.LowestDelivered = 51, eventnode.Position{MS: 1_699_999_999_000}, groupsNow.Add(-90*time.Second)
	billing.ConsumerCount = 2
	billing.Consumers = []eventnode.ConsumerInfo{
		{Number: 1, Held: true, Connected: true, Epoch: 4, Granted: groupsNow.Add(-time.Minute), Pending: 15},
		{Number: 2, Held: true, Epoch: 5, Granted: groupsNow.Add(-time.Minute)}, {Number: 3, Pending: 5},
	}
	mails.Name, mails.Lag = "mails", 100
	f := &fake{}
	f.durable.infos = []eventnode.ConsumerGroupInfo{audit, billing, mails}
	f.durable.streams = []eventnode.StreamInfo{
		{Name: "empty", Created: groupsNow},
		{Name: "orders", Count: 100, Bytes: 5000, Published: 100, Created: groupsNow, Config: eventnode.StreamConfig{Groups: []string{"audit", "billing", "mails"}, Pool: "default"}, Leader: "n1"},
	}
	return f
}

func TestConsumerGroupsList(t *testing.T) {
	f := someGroups()
	table := "" +
		"STREAM  GROUP    LAG  PENDING  LAST DELIVERED                LOWEST PENDING                   CONSUMERS  NOTE\n" +
		"orders  audit    0    0        #100 (2h0m0s ago)             -                                0          -\n" +
		"orders  billing  30   20       1700000000000-3 (2s ago)      1699999999000-0 (1m30s ago)      2          -\n" +
		"orders  mails    100  0        -                             -                                0          lagging\n"
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	for _, args := range [][]string{{"orders"}, {"--all"}} {
		r := runFake(t, f, "", append([]string{"consumer-groups", "list"}, args...)...)
		if r.code != exitOK || squeeze(r.stdout) != squeeze(table) {
			t.Errorf("%+v\nwant\n%s", r, table)
		}
	}
	r := runFake(t, f, "", "consumer-groups", "list", "--all", "--lagging", "--json")
	var g consumerGroupJSON
	if err := json.Unmarshal([]byte(r.stdout), &g); err != nil || g.Group != "mails" || !g.Lagging || g.Lag != 100 || g.LastDelivered != nil {
		t.Errorf("%+v: %v", r, err)
	}
	for _, args := range []string{"consumer-groups list", "consumer-groups list orders --all"} {
		if r := runFake(t, f, "", strings.Fields(args)...); r.code != exitUsage || !strings.Contains(r.stderr, "say --all") {
			t.Errorf("%s: %+v", args, r)
		}
	}
	f.durable.err = eventnode.StreamNotFound("orders")
	if r := runFake(t, f, "", "consumer-groups", "list", "orders"); r.code != exitError || !strings.Contains(r.stderr, "declare it first") {
		t.Errorf("%+v", r)
	}
}

// Lagging is: there is something, and for half a minute nobody took any.
func TestLagging(t *testing.T) {
	for name, tt := range map[string]struct {
		lag                uint64
		created, delivered time.Duration // ago; 0: never
		want               bool
	}{
		"nothing to do":        {0, time.Hour, time.Hour, false},
		"it is at work":        {5, time.Hour, 29 * time.Second, false},
		"it has stopped":       {5, time.Hour, 30 * time.Second, true},
		"it never began":       {5, time.Hour, 0, true},
		"it was made just now": {5, time.Second, 0, false},
	} {
		g := eventnode.ConsumerGroupInfo{Lag: tt.lag, Now: groupsNow, Created: groupsNow.Add(-tt.created)}
		if tt.delivered > 0 {
			g.LastDelivery = groupsNow.Add(-tt.delivered)
		}
		if got := lagging(g); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestConsumerGroupsInfo(t *testing.T) {
	r := runFake(t, someGroups(), "", "consumer-groups", "info", "orders", "billing")
	for _, part := range []string{
		"consumer group billing of stream orders\n", "lag            30\n", "pending        20: 15 in hand, 0 ready, 5 waiting\n",
		"last delivered 1700000000000-3 (2s ago)", "consumer       1: connected, since 2026-01-02T03:03:05Z, 15 events in hand",
		"2: held since 2026-01-02T03:03:05Z, not connected, 0 events", "3: held by nobody, 5 events",
	} {
		if r.code != exitOK || !strings.Contains(r.stdout, part) {
			t.Errorf("%q is not in %+v", part, r)
		}
	}
	if r := runFake(t, someGroups(), "", "consumer-groups", "info", "orders", "nobody"); r.code != exitError || !strings.Contains(r.stderr, "consumer-groups --help") {
		t.Errorf("%+v", r)
	}
}

func TestConsumerGroupsChange(t *testing.T) {
	f := someGroups()
	for _, tt := range []struct{ args, out, did string }{
		{"add orders g", "consumer group g of stream orders added\n", "add orders/g {Keyed:false AckWait:0s MaxDeliver:0 Backoff:0s BackoffMax:0s} newest=false at=<nil> since=false"},
		{"add orders g --keyed --ack-wait 1m --max-deliver -1 --backoff 2s --backoff-max 1h --from newest", "", "add orders/g {Keyed:true AckWait:1m0s MaxDeliver:-1 Backoff:2s BackoffMax:1h0m0s} newest=true at=<nil> since=false"},
		{"add orders g --from 15m", "", "add orders/g {Keyed:false AckWait:0s MaxDeliver:0 Backoff:0s BackoffMax:0s} newest=false at=<nil> since=true"},
		// Only what is said changes.
		{"update orders billing --max-deliver 5", "consumer group billing of stream orders updated\n", "update orders/billing {Keyed:false AckWait:30s MaxDeliver:5 Backoff:1s BackoffMax:5m0s}"},
		{"update orders billing --keyed --ack-wait 0", "", "update orders/billing {Keyed:true AckWait:0s MaxDeliver:20 Backoff:1s BackoffMax:5m0s}"},
		{"remove orders billing --yes", "consumer group billing of stream orders removed\n", "remove orders/billing"},
		{"seek orders billing --to newest", "consumer group billing of stream orders begins anew at newest\n", "seek orders/billing newest=true at=<nil>"},
		{"seek orders billing --to 1700000000000-7", "", "seek orders/billing newest=false at=1700000000000-7"},
	} {
		r := runFake(t, f, "", append([]string{"consumer-groups"}, strings.Fields(tt.args)...)...)
		did := f.durable.did
		if r.code != exitOK || (tt.out != "" && r.stdout != tt.out) || len(did) == 0 || did[len(did)-1] != tt.did {
			t.Errorf("%s: %+v, %q, want %q", tt.args, r, did, tt.did)
		}
	}
	r := runFake(t, f, "", "consumer-groups", "add", "orders", "g", "--json")
	r.want(t, exitOK, `{"stream":"orders","group":"g","created":true}`+"\n", "")
	before := len(f.durable.did)
	for _, args := range []string{
		"add orders", "add orders g --from yesterday", "add orders g --from -5m", "add orders g --ack-wait 1us", "add orders g --max-deliver -2",
		"remove orders g", "seek orders g", "seek orders g --to soon", "update orders g --backoff -1s",
	} {
		if r := runFake(t, f, "", append([]string{"consumer-groups"}, strings.Fields(args)...)...); r.code != exitUsage {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if did := f.durable.did[before:]; len(did) > 0 {
		t.Errorf("done all the same: %q", did)
	}
}

func TestPlace(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000).UTC()
	at := eventnode.Position{MS: 5, Seq: 6}
	for text, want := range map[string]eventnode.StartPlace{
		"oldest": {}, "newest": {Newest: true}, "5-6": {At: &at}, "1m": {Since: now.Add(-time.Minute)},
		"2023-11-14T00:00:00Z": {Since: time.Date(2023, 11, 14, 0, 0, 0, 0, time.UTC)},
	} {
		got, err := parsePlace("from", text, now)
		if err != nil || got.Newest != want.Newest || !got.Since.Equal(want.Since) || (got.At == nil) != (want.At == nil) || got.At != nil && *got.At != *want.At {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestPending(t *testing.T) {
	f := &fake{}
	at := groupsNow
	f.durable.pending = []eventnode.PendingEntry{
		{Numbers: []eventnode.NumberRange{{From: 1, To: 9}, {From: 12, To: 12}}, Count: 10, First: eventnode.Position{MS: 7}, Place: eventnode.PendingHeld, Consumer: 2, Deliveries: 1, Delivered: at, Due: at.Add(time.Minute)},
		{Numbers: []eventnode.NumberRange{{From: 10, To: 10}}, Count: 1, Place: eventnode.PendingDying, Deliveries: 20, Delivered: at, Reason: "max_deliver"},
	}
	r := runFake(t, f, "", "pending", "orders", "billing", "--consumer", "2")
	lines := strings.Split(r.stdout, "\n")
	if len(lines) != 4 || strings.Join(strings.Fields(lines[1]), " ") != "1-9,12 10 7-0 held 2 1 2026-01-02T03:04:05Z 2026-01-02T03:05:05Z -" || !strings.Contains(lines[2], "max_deliver") {
		t.Errorf("%q", lines)
	}
	if f.durable.did[0] != "pending orders/billing 2" {
		t.Errorf("%q", f.durable.did)
	}
	r = runFake(t, f, "", "pending", "orders", "billing", "--limit", "1", "--json")
	var p pendingJSON
	if err := json.Unmarshal([]byte(r.stdout), &p); err != nil || len(p.Numbers) != 2 || p.Place != "held" || !strings.Contains(r.stderr, `"more":true`) {
		t.Errorf("%+v: %v", r, err)
	}
}

func TestClaim(t *testing.T) {
	f := &fake{}
	runFake(t, f, "", "claim", "orders", "billing", "--from", "1", "--to", "2").want(t, exitOK, "moved 3 events from consumer 1 to consumer 2\n", "")
	if !slices.Equal(f.durable.did, []string{"claim orders/billing 1 2"}) {
		t.Errorf("%q", f.durable.did)
	}
	for _, args := range []string{"claim orders billing", "claim orders billing --from 1", "claim orders billing --from 2 --to 2", "claim orders"} {
		if r := runFake(t, f, "", strings.Fields(args)...); r.code != exitUsage {
			t.Errorf("%s: %+v", args, r)
		}
	}
}

func TestDead(t *testing.T) {
	f := &fake{}
	for i := range uint64(600) {
		group := []string{"billing", "mails"}[i%2]
		f.durable.dead = append(f.durable.dead, eventnode.DeadLetter{
			Number: i + 1, Died: groupsNow, Reason: "no\tsuch\naddress", Group: group, Deliveries: 20,
			Event: eventnode.StreamEvent{Stream: "orders", Position: eventnode.Position{MS: 9, Seq: i}, Event: ev("x")},
		})
	}
	r := runFake(t, f, "", "dead", "list", "orders", "--limit", "2")
	if strings.Count(r.stdout, "\n") != 3 || !strings.Contains(r.stdout, "no such address") || !strings.Contains(r.stderr, "more than 2") {
		t.Errorf("%+v", r)
	}
	r = runFake(t, f, "", "dead", "list", "orders", "--group", "mails", "--limit", "0", "--json")
	if strings.Count(r.stdout, "\n") != 300 || strings.Contains(r.stdout, "billing") || r.stderr != "" {
		t.Errorf("%.200s, %q", r.stdout, r.stderr)
	}
	runFake(t, f, "", "dead", "replay", "orders", "7", "9-11").want(t, exitOK, "replayed 4 dead letters of stream orders\n", "")
	runFake(t, f, "", "dead", "drop", "orders", "3", "--json").want(t, exitOK, `{"stream":"orders","dropped":1}`+"\n", "")
	if want := []string{"replay orders [7 9 10 11]", "drop orders [3]"}; !slices.Equal(f.durable.did, want) {
		t.Errorf("%q", f.durable.did)
	}
	f.durable.did = nil
	runFake(t, f, "", "dead", "drop", "orders", "--all", "--yes").want(t, exitOK, "dropped 600 dead letters of stream orders\n", "")
	if len(f.durable.did) != 3 {
		t.Errorf("%d requests", len(f.durable.did))
	}
	runFake(t, f, "", "dead", "replay", "orders", "--all", "--group", "mails").want(t, exitOK, "replayed 300 dead letters of stream orders\n", "")
	f.durable.did = nil
	for _, args := range []string{
		"replay orders", "replay orders 0", "replay orders 5-4", "replay orders x", "replay orders 1-2000000", "replay orders 1 --all",
		"replay orders 1-600000 1-600000", "replay orders 18446744073709551615", "drop orders --all", "drop orders 1 --group g",
	} {
		if r := runFake(t, f, "", append([]string{"dead"}, strings.Fields(args)...)...); r.code != exitUsage {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if len(f.durable.did) > 0 {
		t.Errorf("done all the same: %q", f.durable.did)
	}
	f.durable.err = eventnode.ErrUnavailable
	if r := runFake(t, f, "", "dead", "drop", "orders", "1-300"); r.code != exitError || !strings.Contains(r.stderr, "after 256 were dropped") {
		t.Errorf("%+v", r)
	}
}
