package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/client"
)

// tryTime bounds one try of what is tried until it works.
const tryTime = 2 * time.Second

// Create makes the stream as soon as the servers can.
func Create(ctx context.Context, c Conn) error {
	return until(ctx, func(ctx context.Context) error {
		switch c.System {
		case suite.Eventnode:
			return withEventnode(ctx, c, func(s eventnode.Streams) error {
				_, err := s.Declare(ctx, Name, eventnode.StreamConfig{})
				return err
			})
		case suite.RedisAlways, suite.RedisEverysec:
			r := dialRedis(c.Addrs[0])
			defer r.close()
			return r.c.Ping(ctx).Err()
		default:
			return withJetStream(c, func(js jetstream.JetStream) error {
				cfg := jetstream.StreamConfig{Name: Name, Subjects: []string{Name}, Storage: jetstream.FileStorage, Replicas: 3}
				if c.System == suite.JetStreamR1 {
					cfg.Replicas = 1
				}
				_, err := js.CreateOrUpdateStream(ctx, cfg)
				return err
			})
		}
	})
}

// Leader is the name of the node that leads the stream, as soon as there is one;
// empty where nobody leads.
func Leader(ctx context.Context, c Conn) (name string, err error) {
	err = until(ctx, func(ctx context.Context) (err error) {
		switch c.System {
		case suite.Eventnode:
			err = withEventnode(ctx, c, func(s eventnode.Streams) error {
				info, err := s.Info(ctx, Name)
				name = string(info.Leader)
				return err
			})
		case suite.RedisAlways, suite.RedisEverysec:
			return nil
		default:
			var info *jetstream.ClusterInfo
			if info, err = clusterInfo(ctx, c); err == nil {
				name = info.Leader
			}
		}
		if err == nil && name == "" {
			err = errors.New("nobody leads")
		}
		return err
	})
	return name, err
}

// Whole waits until every copy of the stream is said to be up to date. Only
// JetStream says it.
func Whole(ctx context.Context, c Conn) error {
	return until(ctx, func(ctx context.Context) error {
		info, err := clusterInfo(ctx, c)
		if err != nil {
			return err
		}
		for _, r := range info.Replicas {
			if !r.Current || r.Offline {
				return fmt.Errorf("the copy on %s is not up to date", r.Name)
			}
		}
		return nil
	})
}

// Publish publishes a publisher's first event as soon as that works, and returns when
// it is acked. A try that fails must have done nothing.
func Publish(ctx context.Context, c Conn, publisher int) error {
	data := newSource(publisher, HeadBytes).event()
	return until(ctx, func(ctx context.Context) error {
		s, err := dial(ctx, c.System, c.Addrs)
		if err != nil {
			return err
		}
		defer s.close()
		return s.publish(ctx, "", data)
	})
}

func clusterInfo(ctx context.Context, c Conn) (info *jetstream.ClusterInfo, err error) {
	err = withJetStream(c, func(js jetstream.JetStream) error {
		s, err := js.Stream(ctx, Name)
		if err != nil {
			return err
		}
		if info = s.CachedInfo().Cluster; info == nil {
			return errors.New("no cluster")
		}
		return nil
	})
	return info, err
}

// RemoveGroup removes a consumer group; only of eventnode.
func RemoveGroup(ctx context.Context, c Conn, group string) error {
	cl, err := client.Dial(ctx, c.Addrs)
	if err != nil {
		return err
	}
	defer cl.Close()
	return cl.Consumers().RemoveGroup(ctx, Name, group)
}

func withEventnode(ctx context.Context, c Conn, ask func(eventnode.Streams) error) error {
	cl, err := client.Dial(ctx, c.Addrs)
	if err != nil {
		return err
	}
	defer cl.Close()
	return ask(cl.Streams())
}

func withJetStream(c Conn, ask func(jetstream.JetStream) error) error {
	s, err := dialJetStream(c.Addrs)
	if err != nil {
		return err
	}
	defer s.close()
	return ask(s.js)
}

// until tries until it works or ctx ends.
func until(ctx context.Context, try func(context.Context) error) error {
	for {
		one, cancel := context.WithTimeout(ctx, tryTime)
		err := try(one)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
