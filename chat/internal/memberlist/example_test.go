package memberlist_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/eventnode/eventnode/chat/internal/memberlist"
	"github.com/eventnode/eventnode/sessions"
)

// A client looks at the beginning of a list, and somebody goes offline.
func Example() {
	l, err := memberlist.New(memberlist.Config{Guild: 7, ID: memberlist.Everyone})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	ada := memberlist.Member{User: 1, Name: "Ada", Status: sessions.Online, Payload: json.RawMessage(`"Ada"`)}
	bob := memberlist.Member{User: 2, Name: "bob", Status: sessions.Online, Payload: json.RawMessage(`"bob"`)}
	l.Rebuild(nil, slices.Values([]memberlist.Member{ada, bob}))

	changes, err := l.Subscribe("session", []memberlist.Range{{First: 0, Last: 99}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	ada.Status = sessions.Offline
	for _, c := range append(changes, l.Put(ada)...) {
		for _, op := range c.Ops {
			b, _ := json.Marshal(op)
			fmt.Println(slices.Collect(c.Sessions()), string(b))
		}
	}
	// Output:
	// [session] {"op":"SYNC","range":[0,99],"items":[{"group":{"id":"online","count":2}},{"member":"Ada"},{"member":"bob"}]}
	// [session] {"op":"INSERT","index":3,"item":{"group":{"id":"offline","count":1}}}
	// [session] {"op":"DELETE","index":1}
	// [session] {"op":"INSERT","index":3,"item":{"member":"Ada"}}
	// [session] {"op":"UPDATE","index":0,"item":{"group":{"id":"online","count":1}}}
}
