package edge

import (
	"context"
	"fmt"
	"strconv"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

const (
	// channels of a guild.
	channels = 10
	// changesAtOnce is how many changes of the directory are submitted together.
	changesAtOnce = 1_000
)

// The ids of the world.
func guild(i int) uint64      { return uint64(i+1) << 22 }
func channel(g, i int) uint64 { return guild(g) + uint64(i) + 1 }
func userID(i int) uint64     { return 1<<40 + uint64(i) }

// people is a directory: each guild has its channels and its users.
func people(users, usersInGuild int) (all []*eventnodev1.DirectoryChange) {
	for i := range users {
		g := i / usersInGuild
		all = append(all, directory.PutUser(&eventnodev1.DirectoryUser{Id: userID(i), Username: "user-" + strconv.Itoa(i)}))
		if i%usersInGuild == 0 {
			all = append(all, directory.PutGuild(&eventnodev1.DirectoryGuild{Id: guild(g), OwnerId: userID(i), Name: "guild " + strconv.Itoa(g)}))
			for c := range channels {
				all = append(all, directory.PutChannel(&eventnodev1.DirectoryChannel{Id: channel(g, c), GuildId: guild(g), Name: "channel-" + strconv.Itoa(c)}))
			}
		}
		all = append(all, directory.PutMember(&eventnodev1.DirectoryMember{GuildId: guild(g), UserId: userID(i)}))
	}
	return all
}

// change changes the directory of all nodes, as soon as they can.
func (w *world) change(ctx context.Context, changes []*eventnodev1.DirectoryChange) error {
	return try(ctx, func() error {
		resp, err := w.api.Change(ctx, &eventnodev1.ChatServiceChangeRequest{Changes: changes})
		switch {
		case err != nil:
			return err
		case len(resp.GetRefused()) > 0:
			return fmt.Errorf("refused: %v", resp.GetRefused()[0])
		case len(resp.GetMissing()) > 0:
			return fmt.Errorf("not known to %v", resp.GetMissing())
		default:
			return nil
		}
	})
}
