package eventnodepubsub

import (
	"errors"
	"net/url"
	"testing"

	"gocloud.dev/pubsub"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

// Messages go through what was opened by URLs, each with a client of its own.
func TestURLs(t *testing.T) {
	w := newWorld(t)
	stream := w.stream(t)
	group := w.group(t, stream, soon)
	base := "eventnode://127.0.0.1:1/" + url.PathEscape(stream) + "?addr=" + w.node.RPCAddress()
	topic, err := pubsub.OpenTopic(t.Context(), base+"&name=greeted&key_name=user")
	must(t, err)
	s, err := pubsub.OpenSubscription(t.Context(), base+"&batch=3&key_name=user&group="+group)
	must(t, err)
	must(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("a"), Metadata: map[string]string{"user": "ada"}}))
	m, body, _ := receive(t, s)
	var d *eventnode.StreamDelivery
	if m.As(&d); body != "a" || d.Event().Name != "greeted" || d.Event().Key != "ada" || m.Metadata["user"] != "ada" {
		t.Errorf("%+v, %q", d.Event(), m.Metadata)
	}
	m.Ack()
	must(t, topic.Shutdown(t.Context()))
	must(t, s.Shutdown(t.Context()))
}

// A stream of another namespace is another stream.
func TestURLNamespace(t *testing.T) {
	w := newWorld(t)
	stream := w.stream(t)
	topic, err := pubsub.OpenTopic(t.Context(), "eventnode://"+w.node.RPCAddress()+"/"+url.PathEscape(stream)+"?namespace=other")
	must(t, err)
	if err := topic.Send(t.Context(), &pubsub.Message{}); !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Errorf("%v", err)
	}
	must(t, topic.Shutdown(t.Context()))
}

// A URL that makes no sense is refused before anything is dialled.
func TestBadURLs(t *testing.T) {
	for _, u := range []string{
		"eventnode://host/s?group=g", "eventnode://host:1/?group=g", "eventnode://host:1?group=g", "eventnode:///s?group=g",
		"eventnode://user@host:1/s?group=g", "eventnode://host:1/s?group=g&other=x", "eventnode://host:1/s?group=g&group=h",
		"eventnode://host:1/s?group=g#fragment", "eventnode://host:1/s?group=g&%zz",
	} {
		if _, err := pubsub.OpenSubscription(t.Context(), u); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", u, err)
		}
		if _, err := pubsub.OpenTopic(t.Context(), u); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", u, err) // a topic has no group
		}
	}
	for _, u := range []string{"eventnode://host:1/s", "eventnode://host:1/s?group=g&batch=x", "eventnode://host:1/s?group=g&batch=0"} {
		if _, err := pubsub.OpenSubscription(t.Context(), u); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, err := pubsub.OpenTopic(t.Context(), "eventnode://127.0.0.1:1/s"); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("nobody is there: %v", err)
	}
	o := &URLOpener{DialOptions: []client.Option{client.WithToken("secret")}}
	u, err := url.Parse("eventnode://192.0.2.1:1/s?group=g")
	must(t, err)
	if _, err := o.OpenSubscriptionURL(t.Context(), u); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("a token in the clear: %v", err)
	}
}
