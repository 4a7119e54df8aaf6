package command

import (
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

func TestMembers(t *testing.T) {
	f := &fake{nodes: []eventnode.NodeInfo{
		{ID: "n1", Epoch: 1, State: "alive", Link: "self", RPCAddress: "a:1", GossipAddress: "a:2", Version: "v1"},
		{ID: "n2", Epoch: 2, State: "lost", Link: "down", LinkError: "refused", RPCAddress: "b:1", GossipAddress: "b:2", Version: "v2", LinkDropped: 4},
	}}
	runFake(t, f, "", "members").want(t, exitOK, ""+
		"NODE  STATE  LINK  RPC  GOSSIP  DROPPED  VERSION  ERROR\n"+
		"n1    alive  self  a:1  a:2     0        v1       \n"+
		"n2    lost   down  b:1  b:2     4        v2       refused\n", "")
	r := runFake(t, f, "", "members", "--json")
	lines := strings.Split(r.stdout, "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], `{"id":"n1","epoch":1,"state":"alive"`) {
		t.Errorf("%q", lines)
	}
}

// Healthy or not is the text, the JSON and the exit code.
func TestStatus(t *testing.T) {
	s := eventnode.Status{ID: "n1", Healthy: true, Cluster: "c", Nodes: 3, Uptime: 90 * time.Second}
	r := runFake(t, &fake{status: s}, "", "status")
	if r.code != exitOK || !strings.HasPrefix(r.stdout, "n1 is healthy\n") || !strings.Contains(r.stdout, "1m30s") {
		t.Errorf("%+v", r)
	}
	s.Healthy, s.Problems = false, []string{"no link to n2"}
	r = runFake(t, &fake{status: s}, "", "status")
	if r.code != exitUnhealthy || !strings.HasPrefix(r.stdout, "n1 is NOT healthy\n  problem: no link to n2\n") || r.stderr != "eventnode: n1 is not healthy\n" {
		t.Errorf("%+v", r)
	}
	r = runFake(t, &fake{status: s}, "", "status", "--json")
	if !strings.Contains(r.stdout, `"consumer_groups":{"count":0,"lagging":0}`) {
		t.Errorf("%+v", r)
	}
	if r.code != exitUnhealthy || !strings.Contains(r.stdout, `"healthy":false,"problems":["no link to n2"]`) || r.stderr != `{"code":4,"error":"n1 is not healthy"}`+"\n" {
		t.Errorf("%+v", r)
	}
}

// Lagging consumer groups are counted; who cannot count them says why, and is healthy
// all the same.
func TestStatusCountsLaggingGroups(t *testing.T) {
	f := someGroups()
	f.status = eventnode.Status{ID: "n1", Healthy: true}
	if r := runFake(t, f, "", "status"); r.code != exitOK || !strings.Contains(r.stdout, "\nconsumers      3 consumer groups, 1 lagging\n") {
		t.Errorf("%+v", r)
	}
	f.durable.err = eventnode.ErrUnavailable
	if r := runFake(t, f, "", "status"); r.code != exitOK || !strings.Contains(r.stdout, "\nconsumers      not counted: ") {
		t.Errorf("%+v", r)
	}
}

func TestSubscriptions(t *testing.T) {
	f := &fake{
		subs: []eventnode.SubscriptionInfo{
			{Node: "n1", Topics: []string{"topic:a", "topic:b"}, Policy: "block", QueuedEvents: 1, Delivered: 9, Dropped: 2},
			{Node: "n2", Holder: "me", Topics: []string{"topic:a"}, Policy: "block", QueueGroup: "billing"},
		},
		notAsked: []eventnode.NodeID{"n3"},
	}
	runFake(t, f, "", "subscriptions", "topic:a").want(t, exitOK, ""+
		"HOLDER  NODE  TOPICS           QUEUE    POLICY  QUEUED  DELIVERED  DROPPED\n"+
		"-       n1    topic:a topic:b  -        block   1       9          2\n"+
		"me      n2    topic:a          billing  block   0       0          0\n",
		"not complete: n3 could not be asked\n")
	if f.topics[0] != "topic:a" {
		t.Errorf("asked for %q", f.topics)
	}
}

func TestGroupsListAndMembers(t *testing.T) {
	f := &fake{groups: map[string][]eventnode.Membership{
		"b": {{Member: ref("n2", 1), Meta: "x\ty"}, {Member: ref("n1", 2)}, {Member: ref("n1", 2)}},
		"a": {{Member: ref("n1", 1)}},
	}}
	runFake(t, f, "", "groups", "list").want(t, exitOK, "GROUP  MEMBERS\na      1\nb      3\n", "")
	runFake(t, f, "", "groups", "list", "--json").want(t, exitOK, `{"group":"a","members":1}`+"\n"+`{"group":"b","members":3}`+"\n", "")
	runFake(t, f, "", "groups", "members", "b").want(t, exitOK, "MEMBER  META\nn1#5/2  \nn1#5/2  \nn2#5/1  \"x\\ty\"\n", "")
	runFake(t, f, "", "groups", "members", "a", "--json").want(t, exitOK, `{"member":{"node":"n1","epoch":5,"ref":1}}`+"\n", "")
	runFake(t, f, "", "groups", "members", "none", "--json").want(t, exitOK, "", "")
}

func TestGroupsMonitor(t *testing.T) {
	one := []eventnode.Membership{{Member: ref("n1", 1), Meta: "m"}}
	two := []eventnode.Membership{{Member: ref("n2", 1)}}
	f := &fake{
		groups: map[string][]eventnode.Membership{"g": one},
		changes: []eventnode.Change{
			{Group: "g", Joined: two, Left: one},
			{Resync: map[string][]eventnode.Membership{"h": two}},
			{Group: "h", Updated: two},
		},
	}
	runFake(t, f, "", "groups", "monitor", "--count", "2").want(t, exitOK,
		"= g n1#5/1 m\n+ g n2#5/1\n- g n1#5/1 m\n= h n2#5/1\n~ h n2#5/1\n",
		"monitoring: 1 membership\nresync: changes were dropped, this is what there is now\n")
	r := runFake(t, f, "", "groups", "monitor", "--count", "2", "--json")
	if r.stdout != `{"snapshot":{"g":[{"member":{"node":"n1","epoch":5,"ref":1},"meta":"m"}]}}
{"group":"g","joined":[{"member":{"node":"n2","epoch":5,"ref":1}}],"left":[{"member":{"node":"n1","epoch":5,"ref":1},"meta":"m"}]}
{"snapshot":{"h":[{"member":{"node":"n2","epoch":5,"ref":1}}]},"resync":true}
{"group":"h","updated":[{"member":{"node":"n2","epoch":5,"ref":1}}]}
` {
		t.Errorf("%s", r.stdout)
	}
}

func TestGroupsJoin(t *testing.T) {
	f := &fake{received: []eventnode.Received{{Scope: "s", Group: "g", Event: ev("hello")}}}
	runFake(t, f, "", "groups", "join", "g", "--scope", "s", "--meta", "m", "--times", "2", "--count", "1").want(t, exitOK,
		"hello\n", "joined g as n1#5/7, 2 times\n")
	if strings.Join(f.joined, " ") != "s/g/m s/g/m" {
		t.Errorf("joined %q", f.joined)
	}
	f.received = []eventnode.Received{{Gap: &eventnode.Gap{Count: 2, Known: true, Reason: eventnode.GapQueueFull}}, {Group: "g", Event: ev("x")}}
	r := runFake(t, f, "", "groups", "join", "g", "--count", "1", "--json")
	if r.code != exitGap || !strings.HasPrefix(r.stdout, `{"gap":{"count":2,"reason":"queue_full"}}`+"\n"+`{"group":"g","event":{`) {
		t.Errorf("%+v", r)
	}
}

func TestGroupsBroadcastAndSend(t *testing.T) {
	f := &fake{reach: 2, groups: map[string][]eventnode.Membership{"g": {{Member: ref("n1", 1)}}}}
	runFake(t, f, "", "groups", "broadcast", "g", "--data", "x").want(t, exitOK, "delivered to 2 memberships\n", "")
	f.reach = 0
	runFake(t, f, "", "groups", "broadcast", "g").want(t, exitNobody, "delivered to 0 memberships\n",
		"eventnode: reached nobody: no member of \"g\" took the event\n")
	runFake(t, f, "", "groups", "send", "g", "--strategy", "hash", "--hash-key", "k").want(t, exitOK, "sent to n1#5/1\n", "")
	if f.pick != (eventnode.Pick{Strategy: eventnode.PickHash, Key: "k"}) {
		t.Errorf("%+v", f.pick)
	}
	runFake(t, f, "", "groups", "send", "empty").want(t, exitNobody, "", "eventnode: group \"empty\": no members\n")
}
