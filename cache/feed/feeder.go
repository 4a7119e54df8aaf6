package feed

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/internal/backoff"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/source"
)

// Directory is where a Feeder puts what it knows.
type Directory interface {
	// View calls f with the directory as it is, which does not change meanwhile.
	View(f func(View))
	// Submit makes changes, in order, at most MaxSubmit, and says what became of each when
	// they are to be seen by View.
	Submit(ctx context.Context, changes ...*eventnodev1.DirectoryChange) (refused []error, err error)
}

// MaxSubmit bounds the changes of one Submit.
const MaxSubmit = 500

// maxGuilds bounds the guilds that something is due of: beyond, the source waits.
const maxGuilds = 10_000

// Config of a Feeder.
type Config struct {
	// Cache is what is known. Directory is told. Both are needed.
	Cache     *cache.Cache
	Directory Directory
	// Logger takes what the directory refuses. Defaults to none.
	Logger *slog.Logger
}

// Feeder keeps a directory as a cache is.
type Feeder struct {
	cfg Config

	mu   sync.Mutex
	due  map[discord.Snowflake]*due
	wake chan struct{} // there is something
	room chan struct{} // closed when something was taken, and another one then
}

// New makes a Feeder, which Run runs.
func New(cfg Config) *Feeder {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Feeder{cfg: cfg, due: map[discord.Snowflake]*due{}, wake: make(chan struct{}, 1), room: make(chan struct{})}
}

// Note is told of each payload when it was written to the cache. What it is about is looked
// up later, and once however often it was told. It waits while something is due of 10,000
// guilds already, or of 1,000 members of this one, and ctx lasts.
func (f *Feeder) Note(ctx context.Context, p source.Payload) {
	guild, note, ok := noted(p)
	for ok {
		full := f.add(guild, note, false)
		if full == nil {
			return
		}
		select {
		case <-full:
		case <-ctx.Done():
			return
		}
	}
}

// add notes that something is due, unless there is too much: then it is what closes when some
// was done. It is noted all the same if it must be.
func (f *Feeder) add(guild discord.Snowflake, note func(*due), must bool) (full <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.due[guild]
	switch {
	case !must && (d == nil && len(f.due) >= maxGuilds || d != nil && d.full()):
		return f.room
	case d == nil:
		d = &due{}
		f.due[guild] = d
	}
	note(d)
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run feeds the directory until ctx ends.
func (f *Feeder) Run(ctx context.Context) {
	failures := 0
	for {
		guild, d := f.next()
		if d == nil {
			select {
			case <-f.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		err := f.feed(ctx, guild, d)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failures = 0
			continue
		}
		f.cfg.Logger.WarnContext(ctx, "the directory is not told of a guild now", "guild", guild, "error", err)
		f.add(guild, d.again, true)
		backoff.Wait(ctx, backoff.Backoff{}.Next(failures, rand.Float64()))
		failures++
	}
}

// next takes what is due of a guild; nil: nothing is.
func (f *Feeder) next() (discord.Snowflake, *due) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for guild, d := range f.due {
		delete(f.due, guild)
		close(f.room)
		f.room = make(chan struct{})
		return guild, d
	}
	return 0, nil
}

// again adds what was not done.
func (d *due) again(to *due) {
	to.whole, to.all = to.whole || d.whole, to.all || d.all
	to.guild, to.others = to.guild || d.guild, to.others || d.others
	for _, ids := range []struct {
		from set
		to   *set
	}{{d.roles, &to.roles}, {d.channels, &to.channels}, {d.members, &to.members}, {d.users, &to.users}} {
		for id := range ids.from {
			to.add(ids.to, id)
		}
	}
}

// feed submits what is otherwise. What is refused is logged, and not tried again until it
// comes again.
func (f *Feeder) feed(ctx context.Context, guild discord.Snowflake, d *due) error {
	all, err := f.changes(ctx, guild, d)
	for err == nil && len(all) > 0 {
		some := all[:min(len(all), MaxSubmit)]
		all = all[len(some):]
		var refused []error
		if refused, err = f.cfg.Directory.Submit(ctx, some...); err != nil {
			return fmt.Errorf("submit %d changes: %w", len(some), err)
		}
		for i, why := range refused {
			if why != nil {
				f.cfg.Logger.WarnContext(ctx, "the directory refuses a change", "guild", guild, "change", fmt.Sprintf("%.200v", some[i]), "error", why)
			}
		}
	}
	return err
}
