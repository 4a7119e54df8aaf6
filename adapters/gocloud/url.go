package eventnodepubsub

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"gocloud.dev/pubsub"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

// Scheme is that of the URLs.
const Scheme = "eventnode"

// Who imports a driver has pubsub.OpenTopic and pubsub.OpenSubscription know its URLs: that
// is how package pubsub has drivers found.
func init() {
	o := &URLOpener{}
	pubsub.DefaultURLMux().RegisterTopic(Scheme, o)
	pubsub.DefaultURLMux().RegisterSubscription(Scheme, o)
}

// URLOpener opens URLs like "eventnode://10.0.0.1:7401/orders?group=billing": the address
// of a node, and the name of a stream, escaped. The query may have
//
//	addr       the address of another node; may be repeated
//	namespace  the namespace of the stream
//	key_name   TopicOptions.KeyName, SubscriptionOptions.KeyName
//	name       TopicOptions.Name; of a topic
//	group      the consumer group; of a subscription, and required
//	batch      SubscriptionOptions.Batch; of a subscription
//
// Each topic and subscription has a client of its own, which ends with it. Opening fails if
// no node answers.
type URLOpener struct {
	// DialOptions are for the clients, such as client.WithTransportCredentials.
	DialOptions []client.Option
	// TopicOptions are the options of topics, but for what the URL says.
	TopicOptions TopicOptions
	// SubscriptionOptions are the options of subscriptions, but for what the URL says.
	SubscriptionOptions SubscriptionOptions
}

var (
	_ pubsub.TopicURLOpener        = (*URLOpener)(nil)
	_ pubsub.SubscriptionURLOpener = (*URLOpener)(nil)
)

// OpenTopicURL implements pubsub.TopicURLOpener.
func (o *URLOpener) OpenTopicURL(ctx context.Context, u *url.URL) (*pubsub.Topic, error) {
	opts := o.TopicOptions
	p, err := parse(u, map[string]func(string) error{"key_name": into(&opts.KeyName), "name": into(&opts.Name)})
	if err != nil {
		return nil, fmt.Errorf("open topic %s: %w", u.Redacted(), err)
	}
	c, err := client.Dial(ctx, p.addrs, o.DialOptions...)
	if err != nil {
		return nil, fmt.Errorf("open topic %s: %w", u.Redacted(), err)
	}
	t := newTopic(c.Streams(client.WithNamespace(p.namespace)), p.stream, &opts)
	t.end = c.Close
	return pubsub.NewTopic(t, sendBatches(&opts)), nil
}

// OpenSubscriptionURL implements pubsub.SubscriptionURLOpener.
func (o *URLOpener) OpenSubscriptionURL(ctx context.Context, u *url.URL) (*pubsub.Subscription, error) {
	opts := o.SubscriptionOptions
	group := ""
	p, err := parse(u, map[string]func(string) error{
		"key_name": into(&opts.KeyName), "group": into(&group), "batch": intoNumber(&opts.Batch),
	})
	if err == nil && group == "" {
		err = fmt.Errorf("the consumer group is missing, say ?group=NAME: %w", eventnode.ErrInvalidArgument)
	}
	if err != nil {
		return nil, fmt.Errorf("open subscription %s: %w", u.Redacted(), err)
	}
	c, err := client.Dial(ctx, p.addrs, o.DialOptions...)
	if err != nil {
		return nil, fmt.Errorf("open subscription %s: %w", u.Redacted(), err)
	}
	s := newSubscription(c.Consumers(client.WithNamespace(p.namespace)), p.stream, group, &opts)
	s.end = c.Close
	return wrap(s, &opts), nil
}

// place is where a URL leads.
type place struct {
	addrs             []string
	namespace, stream string
}

// parse reads a URL. What its query may say besides goes to own.
func parse(u *url.URL, own map[string]func(string) error) (place, error) {
	p := place{addrs: []string{u.Host}, stream: strings.TrimPrefix(u.Path, "/")}
	switch {
	case u.User != nil:
		return p, invalid("it has a user: credentials go to URLOpener.DialOptions")
	case u.Port() == "":
		return p, invalid("the address of a node is missing: eventnode://HOST:PORT/STREAM")
	case p.stream == "":
		return p, invalid("the name of the stream is missing: eventnode://HOST:PORT/STREAM")
	case u.Fragment != "":
		return p, invalid("it has a fragment, %.80q: escape # as %%23", u.Fragment)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return p, invalid("its query: %v", err)
	}
	for name, values := range query {
		set := own[name]
		switch name {
		case "addr":
			p.addrs = append(p.addrs, values...)
			continue
		case "namespace":
			set = into(&p.namespace)
		}
		switch {
		case set == nil:
			return p, invalid("there is no parameter %.80q", name)
		case len(values) > 1:
			return p, invalid("parameter %.80q is there twice", name)
		}
		if err := set(values[0]); err != nil {
			return p, invalid("parameter %.80q: %v", name, err)
		}
	}
	return p, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), eventnode.ErrInvalidArgument)
}

// into puts a parameter into a string.
func into(to *string) func(string) error {
	return func(v string) error {
		*to = v
		return nil
	}
}

// intoNumber puts a parameter into a number, from 1 on.
func intoNumber(to *int) func(string) error {
	return func(v string) (err error) {
		if *to, err = strconv.Atoi(v); err == nil && *to < 1 {
			err = fmt.Errorf("%d is less than 1", *to)
		}
		return err
	}
}
