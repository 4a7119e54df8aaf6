package registry_test

import (
	"fmt"

	"github.com/eventnode/eventnode/streams/registry"
)

func ExampleParse() {
	r, err := registry.Parse([]byte(`
default:
    streams:
        stream-a:
          - read-group-a
          - read-group-ab
        stream-b:
          - read-group-ab
second:
    streams:
        stream-c:
          - read-group-c
`))
	if err != nil {
		panic(err)
	}
	for _, s := range r.Streams() {
		fmt.Println(s.Config.Pool, s.Name, s.Config.Groups)
	}
	_, err = registry.Parse([]byte("default:\n  stream:\n    stream-a: []\n"))
	fmt.Println(err)
	// Output:
	// default stream-a [read-group-a read-group-ab]
	// default stream-b [read-group-ab]
	// second stream-c [read-group-c]
	// line 2: pool default has the key "stream"; those that are known are "streams", "replicas" and "labels"
}

// A consumer group that is served in a way of its own.
func ExampleParse_groups() {
	r, err := registry.Parse([]byte(`
default:
    streams:
        orders:
          - audit
          - name: billing
            keyed: true
            ack_wait: 30s
            max_deliver: 5
`))
	if err != nil {
		panic(err)
	}
	for _, s := range r.Streams() {
		fmt.Println(s.Name, s.Config.Groups)
		for _, g := range s.Groups {
			fmt.Println(g.Name, g.Config.Keyed, g.Config.AckWait, g.Config.MaxDeliver)
		}
	}
	_, err = registry.Parse([]byte("default:\n  streams:\n    orders:\n    - name: billing\n      ack_wait: 30\n"))
	fmt.Println(err)
	// Output:
	// orders [audit]
	// billing true 30s 5
	// line 5: ack_wait: write a time in whole milliseconds, such as 30s, not "30"
}

func ExampleRegistry_Validate() {
	r := registry.New()
	r.Register("stream-a", "default", []string{"read-group-a"})
	r.Register("stream-a", "second", []string{"read-group-c"})
	fmt.Println(r.Validate())
	// Output: stream with name stream-a already exists
}
