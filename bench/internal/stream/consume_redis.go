package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

func (r *redisStore) addGroup(ctx context.Context, group string, start GroupStart) error {
	if start.Keyed {
		return errors.New("no keyed consumer groups in Redis")
	}
	from := "0"
	if start.Newest {
		from = "$"
	}
	return r.c.XGroupCreateMkStream(ctx, Name, group, from).Err()
}

// consume reads a batch with XREADGROUP, handles it and acks it with one XACK.
func (r *redisStore) consume(ctx context.Context, group string, number, batch int, handle func([][]byte)) error {
	args := &redis.XReadGroupArgs{
		Group: group, Consumer: strconv.Itoa(number), Streams: []string{Name, ">"}, Count: int64(batch), Block: readBlock,
	}
	for ctx.Err() == nil {
		// Not under ctx: what was read is acked.
		got, err := r.c.XReadGroup(context.WithoutCancel(ctx), args).Result()
		if errors.Is(err, redis.Nil) { // nothing new
			continue
		}
		if err != nil {
			return err
		}
		var events [][]byte
		var ids []string
		for _, m := range got[0].Messages {
			data, ok := m.Values[field].(string)
			if !ok {
				return fmt.Errorf("entry %s without data", m.ID)
			}
			ids, events = append(ids, m.ID), append(events, []byte(data))
		}
		handle(events)
		if err := r.c.XAck(context.WithoutCancel(ctx), Name, group, ids...).Err(); err != nil {
			return err
		}
	}
	return nil
}

func (r *redisStore) left(ctx context.Context, group string) (uint64, error) {
	groups, err := r.c.XInfoGroups(ctx, Name).Result()
	if err != nil {
		return 0, err
	}
	for _, g := range groups {
		if g.Name == group {
			return uint64(g.Pending + g.Lag), nil
		}
	}
	return 0, fmt.Errorf("no consumer group %q", group)
}
