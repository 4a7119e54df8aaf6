package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

// LeaveCluster and RemoveNode tell one step; the node "last" cannot go.
func (f *fake) LeaveCluster(_ context.Context, node eventnode.NodeID, tell func(string)) error {
	return f.RemoveNode(context.Background(), string(node), tell)
}

func (f *fake) RemoveNode(_ context.Context, node string, tell func(string)) error {
	if node == "last" {
		return fmt.Errorf("it has the last copy: %w", eventnode.ErrMajorityNeeded)
	}
	tell("waiting for " + node)
	return nil
}

func TestLeaveAndRemove(t *testing.T) {
	f := &fake{status: eventnode.Status{ID: "n1"}}
	runFake(t, f, "", "leave").want(t, exitOK, "n1 has left the cluster\n", "waiting for n1\n")
	runFake(t, f, "", "leave", "--node", "n2", "--json").want(t, exitOK, `{"left":"n2"}`+"\n", `{"step":"waiting for n2"}`+"\n")
	runFake(t, f, "", "members", "remove", "n3").want(t, exitOK, "n3 was removed\n", "waiting for n3\n")
	runFake(t, f, "", "leave", "--node", "last").want(t, exitError, "", "eventnode: it has the last copy: majority needed\n")
	if r := runFake(t, f, "", "members", "remove"); r.code != exitUsage || !strings.Contains(r.stderr, "the name of the node is missing") {
		t.Errorf("%+v", r)
	}
}

// Nothing is recovered by accident.
func TestRecoverIsExplicit(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"recover"}, exitUsage, "--data is missing"},
		{[]string{"recover", "--data", t.TempDir()}, exitError, "is no data directory of a node that keeps streams"},
		{[]string{"recover", "--data", "x", "--inspect", "--accept-loss"}, exitUsage, "give one of them"},
	} {
		if r := runFake(t, &fake{}, "", tt.args...); r.code != tt.code || !strings.Contains(r.stderr, tt.want) || r.stdout != "" {
			t.Errorf("%v: %+v", tt.args, r)
		}
	}
}
