package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisStore uses go-redis: pipelines of XADD, XREAD with COUNT.
type redisStore struct{ c *redis.Client }

// maxCallers is how many callers one process has at most; each waits on a
// connection of its own.
const maxCallers = 64

func dialRedis(addr string) *redisStore {
	return &redisStore{redis.NewClient(&redis.Options{Addr: addr, PoolSize: maxCallers})}
}

func (r *redisStore) batcher(b Batches) batcher {
	return &pipeBatcher{c: r.c, pipe: r.c.Pipeline(), ahead: newAhead(b)}
}

// field is the one field of an entry.
const field = "d"

func entry(data []byte) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: Name, Values: []any{field, data}}
}

func (r *redisStore) publish(ctx context.Context, _ string, data []byte) error {
	return r.c.XAdd(ctx, entry(data)).Err()
}

const (
	// readCount is how many entries a read asks for.
	readCount = 1000
	// readBlock is how long it waits for the first.
	readBlock = 100 * time.Millisecond
)

func (r *redisStore) read(ctx context.Context, last uint64, see func([]byte) bool) error {
	if last > 0 {
		return errOnlyAll
	}
	after := "0"
	for {
		got, err := r.c.XRead(ctx, &redis.XReadArgs{Streams: []string{Name, after}, Count: readCount, Block: readBlock}).Result()
		if errors.Is(err, redis.Nil) { // nothing new
			continue
		}
		if err != nil {
			return err
		}
		for _, m := range got[0].Messages {
			data, ok := m.Values[field].(string)
			if !ok {
				return fmt.Errorf("entry %s without data", m.ID)
			}
			if !see([]byte(data)) {
				return nil
			}
			after = m.ID
		}
	}
}

func (r *redisStore) close() { _ = r.c.Close() }

// pipeBatcher fills one pipeline while the other is under way.
type pipeBatcher struct {
	c     *redis.Client
	pipe  redis.Pipeliner
	ahead ahead
}

// add keeps a copy: a pipeline is written when it is sent.
func (b *pipeBatcher) add(ctx context.Context, data []byte) error {
	return b.pipe.XAdd(ctx, entry(slices.Clone(data))).Err()
}

func (b *pipeBatcher) flush(ctx context.Context) error {
	full := b.pipe
	b.pipe = b.c.Pipeline()
	return b.ahead.send(func() error {
		_, err := full.Exec(ctx)
		return err
	})
}

func (b *pipeBatcher) finish(context.Context) error { return b.ahead.finish() }
